import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createRegistry } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { lading } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";

const SECRET = "hunter2-very-secret";
const ENCODED = Buffer.from(`me:${SECRET}`).toString("base64");

let home: string;

beforeEach(async () => {
  home = await temporaryFolder();
  vi.stubEnv("XDG_CONFIG_HOME", join(home, "config"));
});
afterEach(() => vi.unstubAllEnvs());

async function dockerConfig(document: unknown): Promise<string> {
  await mkdir(join(home, "docker"), { recursive: true });
  const path = join(home, "docker/config.json");
  await writeFile(path, JSON.stringify(document));
  return path;
}

describe("whoami", () => {
  it("names the file and the entry, in the command line, and never the secret", async () => {
    const path = await dockerConfig({ auths: { "ghcr.io/org": { auth: ENCODED } } });
    const ran = await lading(["whoami", "ghcr.io/org/app:1"], { home });
    expect(ran).toMatchObject({
      code: 0,
      stdout: `ghcr.io/org/app: me, by ${path} (ghcr.io/org)\n`,
    });
    const json = await lading(["whoami", "--json", "--verbose", "ghcr.io/org/app:1"], { home });
    expect(JSON.parse(json.stdout)).toMatchObject({
      scope: "ghcr.io/org/app",
      registry: "ghcr.io",
      kind: "basic",
      username: "me",
      from: { kind: "file", path, key: "ghcr.io/org" },
    });
    for (const text of [ran.stdout, ran.stderr, json.stdout, json.stderr]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(ENCODED);
    }
  });

  it("names the variable, and shows no token", async () => {
    const env = { LADING_REGISTRY: "ghcr.io", LADING_TOKEN: SECRET };
    const ran = await lading(["whoami", "ghcr.io/org/app"], { home, env });
    expect(ran.stdout).toMatch(/^ghcr\.io\/org\/app: a registry's token, by LADING_/);
    expect(ran.stdout + ran.stderr).not.toContain(SECRET);
  });

  it("lists where it looked when there is nobody", async () => {
    await dockerConfig({ auths: { "ghcr.io/org": { auth: ENCODED } } });
    const ran = await lading(["whoami", "ghcr.io/organisation/app"], { home });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain("anonymous; nothing was found in LADING_REGISTRY");
    expect(ran.stdout).toContain(join(home, "docker/config.json"));
  });

  it("fails as a pull would when a source fails", async () => {
    await dockerConfig({ credHelpers: { "ghcr.io": "that-is-not-there" } });
    const ran = await lading(["whoami", "ghcr.io/org/app"], { home });
    expect(ran.code).toBe(4);
    expect(ran.stderr).toContain("docker-credential-that-is-not-there is not on the PATH");
  });

  it("says of credentials that a program gave that they are its own", async () => {
    await using given = await open({
      root: join(home, "store"),
      credentials: { get: async () => ({ kind: "identity", token: SECRET }) },
    });
    const found = await given.whoami("alpine");
    expect(found).toMatchObject({ scope: "docker.io/library/alpine", kind: "identity" });
    expect(JSON.stringify(found)).not.toContain(SECRET);
  });
});

describe("a login", () => {
  it("counts at once, for what asked before as well", async () => {
    const authFile = join(home, "auth.json");
    await writeFile(authFile, "{}");
    await using one = await open({ root: join(home, "store"), authFile });
    expect(await one.whoami("registry.example/app")).toMatchObject({ kind: "anonymous" });
    const account = { username: "me", password: SECRET, check: false };
    await one.login("registry.example", account);
    expect(await one.whoami("registry.example/app")).toMatchObject({ username: "me" });
    expect(await one.logout("registry.example")).toMatchObject({
      removed: [{ kind: "file", path: authFile }],
    });
    expect(await one.whoami("registry.example/app")).toMatchObject({ kind: "anonymous" });
  });

  it("is checked with the registry first, unless told otherwise", async () => {
    await using registry = await createRegistry({
      auth: { kind: "bearer", users: { me: SECRET }, anonymous: true },
    });
    await using one = await open({ root: join(home, "store") });
    const wrong = { username: "me", password: "wrong" };
    await expect(one.login(registry.address, wrong)).rejects.toMatchObject({
      code: "unauthorized",
      message: expect.stringContaining("nothing was saved"),
    });
    expect(await one.logins()).toEqual([]);
    const right = { username: "me", password: SECRET };
    expect(await one.login(registry.address, right)).toMatchObject({ checked: true });
  });

  it.each([
    [{ username: "me" }, "needed"],
    [{ username: "a:b", password: "x" }, "colon"],
    [{ identityToken: "a\nb" }, "characters"],
    [{ identityToken: "a", username: "me" }, "in place of"],
  ])("with %j is refused before the registry is asked", async (account, message) => {
    await using one = await open({ root: join(home, "store"), authFile: join(home, "auth.json") });
    await expect(one.login("registry.example", account)).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(message),
    });
  });
});
