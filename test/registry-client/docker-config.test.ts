import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { anonymous, firstOf, hostCredentials } from "../../src/registry/auth/credentials.ts";
import { dockerConfig } from "../../src/registry/auth/docker-config.ts";
import { temporaryFolder } from "../temporary.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const basic = (username: string, password: string) => ({ kind: "basic", username, password });
const request = (origin: string) =>
  ({ origin, registry: new URL(origin).host, repository: "app", action: "pull" }) as const;

async function from(content: unknown, origin: string): Promise<unknown> {
  const path = join(await temporaryFolder(), "config.json");
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return dockerConfig(path).get(request(origin), {});
}

describe("docker's config file", () => {
  it.each([
    [
      "https://ghcr.io",
      { auths: { "ghcr.io": { auth: base64("me:pass:word") } } },
      basic("me", "pass:word"),
    ],
    [
      "https://ghcr.io",
      { auths: { "https://ghcr.io/v2/": { auth: base64("me:x") } } },
      basic("me", "x"),
    ],
    [
      "https://ghcr.io",
      { auths: { "GHCR.IO": { username: "me", password: "x" } } },
      basic("me", "x"),
    ],
    [
      "http://localhost:5000",
      { auths: { "localhost:5000": { auth: base64("me:x") } } },
      basic("me", "x"),
    ],
    [
      "https://registry-1.docker.io",
      { auths: { "https://index.docker.io/v1/": { auth: base64("me:x\0") } } },
      basic("me", "x"),
    ],
    [
      "https://a.example",
      { auths: { "a.example": { registrytoken: "t" } } },
      { kind: "token", token: "t" },
    ],
    ["https://a.example", { auths: { "a.example": { auth: "" } } }, undefined],
    ["https://a.example", { auths: { "a.example": {} } }, undefined],
    ["https://b.example", { auths: { "a.example": { auth: base64("me:x") } } }, undefined],
    ["https://a.example:8443", { auths: { "a.example": { auth: base64("me:x") } } }, undefined],
    ["https://evil-a.example", { auths: { "a.example": { auth: base64("me:x") } } }, undefined],
    ["https://a.example", { auths: null }, undefined],
    ["https://a.example", { HttpHeaders: {}, psFormat: "x" }, undefined],
    ["https://a.example", { auths: { "a.example/team": { auth: base64("me:x") } } }, undefined],
  ])("for %s and %j knows %j", async (origin, content, expected) => {
    const found = await from(content, origin);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toEqual({ ...expected, from: expect.objectContaining({ kind: "file" }) });
  });

  it("that is not there knows nothing", async () => {
    const folder = await temporaryFolder();
    expect(
      await dockerConfig(join(folder, "config.json")).get(request("https://a.example"), {}),
    ).toBeUndefined();
  });

  it.each(["{", "[]", '{"auths":{"a.example":{"auth":1}}}', '{"auths":{},"auths":{}}'])(
    "that can't be read is an error, never anonymous: %s",
    async (content) => {
      await expect(from(content, "https://a.example")).rejects.toMatchObject({
        code: "usage",
        hint: expect.anything(),
      });
    },
  );

  it("that is a folder is an error", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "config.json"));
    await expect(
      dockerConfig(join(folder, "config.json")).get(request("https://a.example"), {}),
    ).rejects.toMatchObject({ code: "usage" });
  });
});

describe("several sources", () => {
  it("are asked in order, and the first that knows something decides", async () => {
    const me = { kind: "basic", username: "me", password: "x" } as const;
    const you = { kind: "basic", username: "you", password: "y" } as const;
    const source = firstOf([
      anonymous,
      hostCredentials({ "a.example": me }),
      hostCredentials({ "a.example": you, "b.example": you }),
    ]);
    expect(await source.get(request("https://a.example"), {})).toMatchObject(me);
    expect(await source.get(request("https://b.example"), {})).toMatchObject(you);
    expect(await source.get(request("https://c.example"), {})).toBeUndefined();
  });
});
