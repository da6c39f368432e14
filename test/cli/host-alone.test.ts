import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parsePlace, storeReference } from "../../src/cli/place.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

describe("a host alone", () => {
  it.each([
    "127.0.0.1:40779",
    "ghcr.io",
    "ghcr.io:443",
    "localhost",
    "localhost:5000",
    "[::1]:5000",
  ])("is no image: %s", (text) => {
    expect(() => parsePlace(text)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: `${text} is a registry; name an image on it: ${text}/REPOSITORY`,
        hint: expect.stringContaining(`docker.io/library/${text}`),
      }),
    );
    expect(() => parsePlace(`docker://${text}`)).toThrow(expect.anything());
  });

  it.each([
    "alpine",
    "alpine:3",
    "registry:5000",
    "my.image:latest",
    "my.image:20261125",
    "ghcr.io/app",
    "docker.io/library/ghcr.io",
    `my.image@sha256:${"0".repeat(64)}`,
  ])("is not what an image is: %s", (text) => {
    expect(parsePlace(text)).toEqual({ side: undefined, reference: text });
  });

  it("may be the name of what the store has", () => {
    expect(parsePlace("store:my.image:1")).toEqual({ side: "store", reference: "my.image:1" });
    expect(storeReference("my.image:1")).toBe("my.image:1");
  });

  it.each(["pull", "doctor", "ratelimit", "tags", "manifest", "config", "inspect"])(
    "is a usage error of %s",
    async (word) => {
      const ran = await lading([word, "127.0.0.1:9"], { home: await temporaryFolder() });
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain("127.0.0.1:9 is a registry; name an image on it");
    },
  );
});

describe("lading whoami", () => {
  it.each([
    ["127.0.0.1:9", "127.0.0.1:9: whole, by"],
    ["https://127.0.0.1:9", "127.0.0.1:9: whole, by"],
    ["127.0.0.1:9/other/app:1", "127.0.0.1:9/other/app: whole, by"],
    ["127.0.0.1:9/org", "127.0.0.1:9/org: narrow, by"],
    ["127.0.0.1:9/org/app:1", "127.0.0.1:9/org/app: narrow, by"],
    ["docker.io", "docker.io: hub, by"],
  ])("takes a registry, a path on it, or a reference: %s", async (text, told) => {
    const home = await temporaryFolder();
    await mkdir(join(home, "docker"));
    const auth = (user: string) => ({ auth: Buffer.from(`${user}:secret`).toString("base64") });
    const auths = {
      "127.0.0.1:9": auth("whole"),
      "127.0.0.1:9/org": auth("narrow"),
      "https://index.docker.io/v1/": auth("hub"),
    };
    await writeFile(join(home, "docker/config.json"), JSON.stringify({ auths }));
    const ran = await lading(["whoami", text, "--plain-http"], { home });
    expect(ran.stderr).toBe("");
    expect(ran.stdout.startsWith(told), ran.stdout).toBe(true);
  });
});

it("lading config show takes the registry of an image that names it", async () => {
  const home = await temporaryFolder();
  const show = (text: string) => lading(["config", "show", text, "--plain-http"], { home });
  expect((await show("a.lan/org/app:1")).stdout).toBe((await show("a.lan")).stdout);
  expect((await show("a.lan/UPPER")).code).toBe(2);
  expect((await show("org/app:1")).code).toBe(2);
});
