import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { CredentialRequest } from "../../../src/registry/auth/credentials.ts";
import { FileSource, fileCredentials } from "../../../src/registry/auth/sources/file.ts";
import { ManualClock } from "../../manual-clock.ts";
import { temporaryFolder } from "../../temporary.ts";
import { helperFolder } from "./helper-scripts.ts";

const request = (registry: string, repository = "org/app"): CredentialRequest => ({
  origin: `https://${registry}`,
  registry,
  repository,
  action: "pull",
});
const auth = (username: string) => ({ auth: Buffer.from(`${username}:secret`).toString("base64") });

/** Who one is by a file, with a helper `store` that knows some, and what the helper was asked. */
async function who(
  file: unknown,
  registry: string,
  repository?: string,
  known: Record<string, readonly [string, string]> = {},
) {
  const helpers = await helperFolder();
  await helpers.keeper("store", known);
  const path = join(await temporaryFolder(), "auth.json");
  await writeFile(path, JSON.stringify(file));
  const source = fileCredentials(path, { environment: helpers.environment });
  const found = await source.get(request(registry, repository), {});
  const username = found?.kind === "basic" ? found.username : found?.kind;
  return { username, from: found?.from, calls: await helpers.calls() };
}

describe("a credential file", () => {
  const auths = { "a.example": auth("all"), "a.example/org": auth("org"), "b.example": auth("b") };

  it("gives the account of a namespace to that namespace alone", async () => {
    expect(await who({ auths }, "a.example", "org/app")).toMatchObject({ username: "org" });
    expect(await who({ auths }, "a.example", "organisation/app")).toMatchObject({
      username: "all",
    });
    const { "a.example": _, ...scoped } = auths;
    expect(await who({ auths: scoped }, "a.example", "organisation/app")).toMatchObject({
      username: undefined,
    });
    expect(await who({ auths: scoped }, "a.example", "")).toMatchObject({ username: undefined });
  });

  it("says which entry it was", async () => {
    const { from } = await who({ auths }, "a.example", "org/app");
    expect(from).toMatchObject({ kind: "file", key: "a.example/org" });
  });

  it("gives the secret of its helper for a registry", async () => {
    const file = { auths, credHelpers: { "a.example": "store" } };
    const known = { "a.example": ["kept", "x"] } as const;
    expect(await who(file, "a.example", "other/app", known)).toMatchObject({
      username: "kept",
      from: { kind: "helper", name: "docker-credential-store", key: "a.example" },
      calls: ["get a.example"],
    });
    expect(await who(file, "a.example", "org/app", known)).toMatchObject({ username: "org" });
    // The file of a registry's helper is not asked for it: the secret may have been taken back.
    expect(await who(file, "a.example", "other/app")).toMatchObject({ username: undefined });
  });

  it("asks the helper of a path for that path", async () => {
    const file = { auths, credHelpers: { "a.example/org": "store" } };
    const known = { "a.example": ["wrong", "x"], "a.example/org": ["right", "x"] } as const;
    expect(await who(file, "a.example", "org/app", known)).toMatchObject({
      username: "right",
      calls: ["get a.example/org"],
    });
    expect(await who(file, "a.example", "app", known)).toMatchObject({
      username: "all",
      calls: [],
    });
  });

  it("asks its store for everything before an entry of a registry, and after one of a path", async () => {
    const file = { auths: { ...auths, "c.example": {} }, credsStore: "store" };
    const known = { "a.example": ["kept", "x"], "c.example": ["c", "x"] } as const;
    expect(await who(file, "c.example", "app", known)).toMatchObject({ username: "c" });
    expect(await who(file, "a.example", "app", known)).toMatchObject({ username: "kept" });
    expect(await who(file, "b.example", "app", known)).toMatchObject({
      username: "b",
      calls: ["get b.example"],
    });
    expect(await who(file, "a.example", "org/app", known)).toMatchObject({
      username: "org",
      calls: [],
    });
  });

  it("has no helper for a registry where it names an empty one", async () => {
    const file = { auths, credsStore: "store", credHelpers: { "a.example": "" } };
    const known = { "a.example": ["kept", "x"] } as const;
    expect(await who(file, "a.example", "app", known)).toMatchObject({
      username: "all",
      calls: [],
    });
  });

  it("finds docker.io at a helper under each of its names", async () => {
    const file = { credsStore: "store" };
    const servers = ["https://index.docker.io/v1/", "docker.io", "index.docker.io"];
    for (const [index, server] of servers.entries()) {
      const { username, calls } = await who(file, "docker.io", "library/alpine", {
        [server]: ["me", "x"],
      });
      expect(username).toBe("me");
      expect(calls).toEqual(servers.slice(0, index + 1).map((name) => `get ${name}`));
    }
  });

  it("takes a helper's <token> for a refresh token", async () => {
    const known = { "a.example": ["<token>", "refresh"] } as const;
    const file = { credsStore: "store" };
    expect(await who(file, "a.example", "app", known)).toMatchObject({ username: "identity" });
  });
});

describe("a helper", () => {
  it("is asked once for many requests, and anew when its answer was refused", async () => {
    const helpers = await helperFolder();
    await helpers.keeper("store", { "a.example": ["me", "old"], "b.example": ["me", "b"] });
    const path = join(helpers.folder, "auth.json");
    await writeFile(path, JSON.stringify({ credsStore: "store" }));
    const clock = new ManualClock();
    const source = new FileSource({ path, name: "file" }, { ...helpers, clock });
    const get = (registry = "a.example") => source.get(request(registry), {});
    await Promise.all([get(), get(), get()]);
    await get("b.example");
    clock.advance(299_000);
    const old = await get();
    expect(await helpers.calls()).toEqual(["get a.example", "get b.example"]);
    await helpers.keeper("store", { "a.example": ["me", "new"] });
    if (old !== undefined) source.refused(request("a.example"), old);
    expect(await get()).toMatchObject({ password: "new" });
    expect(await get("b.example")).toMatchObject({ password: "b" });
    expect(await helpers.calls()).toHaveLength(3);
    clock.advance(300_000);
    await get();
    expect(await helpers.calls()).toHaveLength(4);
  });

  it("that knew none is asked again half a minute later", async () => {
    const helpers = await helperFolder();
    await helpers.keeper("store", {});
    const path = join(helpers.folder, "auth.json");
    await writeFile(path, JSON.stringify({ credsStore: "store" }));
    const clock = new ManualClock();
    const source = new FileSource({ path, name: "file" }, { ...helpers, clock });
    expect(await source.get(request("a.example"), {})).toBeUndefined();
    await helpers.keeper("store", { "a.example": ["me", "x"] });
    clock.advance(29_999);
    expect(await source.get(request("a.example"), {})).toBeUndefined();
    clock.advance(1);
    expect(await source.get(request("a.example"), {})).toMatchObject({ username: "me" });
  });
});

describe("a helper that fails", () => {
  it.each([
    [{ credsStore: "absent" }, "credsStore", "a.example"],
    [{ credHelpers: { "a.example/org": "absent" } }, "credHelpers", "a.example/org"],
    [{ credsStore: "broken" }, "credsStore", "a.example"],
    [{ credsStore: "../evil" }, "credsStore", "a.example"],
  ])("is an error that says who named it, and the way round: %j", async (file, entry, host) => {
    const helpers = await helperFolder();
    await helpers.script("broken", "exit 1");
    const path = join(helpers.folder, "auth.json");
    await writeFile(path, JSON.stringify(file));
    const source = fileCredentials(path, { environment: helpers.environment });
    await expect(source.get(request("a.example"), {})).rejects.toMatchObject({
      context: { path },
      hint: expect.stringMatching(new RegExp(`named by ${entry}.*"credHelpers": {"${host}": ""}`)),
    });
    const off = { ...file, credHelpers: { [host]: "" }, auths: { "a.example": auth("me") } };
    await writeFile(path, JSON.stringify(off));
    expect(
      await fileCredentials(path, { environment: helpers.environment }).get(
        request("a.example"),
        {},
      ),
    ).toMatchObject({ username: "me" });
  });
});

it("a helper is asked anew once the file that names it was changed: somebody logged in", async () => {
  const helpers = await helperFolder();
  await helpers.keeper("store", {});
  const path = join(helpers.folder, "auth.json");
  await writeFile(path, JSON.stringify({ credsStore: "store" }));
  const clock = new ManualClock();
  const source = new FileSource({ path, name: "file" }, { ...helpers, clock });
  expect(await source.get(request("a.example"), {})).toBeUndefined();
  await helpers.keeper("store", { "a.example": ["me", "x"] });
  await writeFile(path, JSON.stringify({ auths: { "a.example": {} }, credsStore: "store" }));
  clock.advance(1_000);
  expect(await source.get(request("a.example"), {})).toMatchObject({ username: "me" });
});

describe("a file that is changed", () => {
  const content = (username: string) => JSON.stringify({ auths: { "a.example": auth(username) } });

  it("by another link, as Kubernetes rotates secrets, is read within a second", async () => {
    const folder = await temporaryFolder();
    for (const name of ["one", "two"]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "auth.json"), content(name));
    }
    await symlink("one", join(folder, "data"));
    await symlink("data/auth.json", join(folder, "auth.json"));
    const clock = new ManualClock();
    const source = new FileSource({ path: join(folder, "auth.json"), name: "file" }, { clock });
    const get = () => source.get(request("a.example"), {});
    expect(await get()).toMatchObject({ username: "one" });
    await symlink("two", join(folder, "data.new"));
    await rename(join(folder, "data.new"), join(folder, "data"));
    clock.advance(999);
    expect(await get()).toMatchObject({ username: "one" });
    clock.advance(1);
    expect(await get()).toMatchObject({ username: "two" });
  });

  it("is read at once when what it said was refused", async () => {
    const path = join(await temporaryFolder(), "auth.json");
    await writeFile(path, content("old"));
    const source = new FileSource({ path, name: "file" }, { clock: new ManualClock() });
    const old = await source.get(request("a.example"), {});
    await writeFile(path, content("newer"));
    if (old !== undefined) source.refused(request("a.example"), old);
    expect(await source.get(request("a.example"), {})).toMatchObject({ username: "newer" });
  });

  it("and broken is an error until it is mended", async () => {
    const path = join(await temporaryFolder(), "auth.json");
    await writeFile(path, "{");
    const clock = new ManualClock();
    const source = new FileSource({ path, name: "file" }, { clock });
    await expect(source.get(request("a.example"), {})).rejects.toMatchObject({ context: { path } });
    await expect(source.get(request("a.example"), {})).rejects.toMatchObject({ code: "usage" });
    await writeFile(path, content("me"));
    clock.advance(1_000);
    expect(await source.get(request("a.example"), {})).toMatchObject({ username: "me" });
  });
});
