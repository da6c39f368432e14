import { spawnSync } from "node:child_process";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRegistry, type TestRegistry } from "../../src/testkit/index.ts";
import { ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { TokenServer } from "../registry/token-server.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading, type Ran } from "./run-command.ts";
import { onTerminal } from "./terminal.ts";

const SECRET = "hunter2: very secret";
const ENCODED = Buffer.from(`me:${SECRET}`).toString("base64");

let registry: TestRegistry;
let home: string;
let file: string;

beforeEach(async () => {
  registry = await createRegistry({ auth: { kind: "basic", users: { me: SECRET } } });
  home = await temporaryFolder();
  file = join(home, "config/lading/auth.json");
});
afterEach(() => registry.close());

function login(words: readonly string[], input = `${SECRET}\n`): Promise<Ran> {
  return lading(["login", ...words, "--username", "me", "--password-stdin"], { home, input });
}

async function saved(path = file): Promise<unknown> {
  return JSON.parse(await readFile(path, "utf8"));
}

describe("login", () => {
  it("takes the password from standard input, without its newline, and saves it for its owner alone", async () => {
    const ran = await login([registry.address]);
    expect(ran).toMatchObject({ code: 0, stdout: `logged in to ${registry.address} as me\n` });
    expect(ran.stderr).toContain(`saved in ${file}, unencrypted`);
    expect(await saved()).toEqual({ auths: { [registry.address]: { auth: ENCODED } } });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("keeps a newline that belongs to the password", async () => {
    const ran = await login([registry.address, "--no-check"], "two\nlines\n\n");
    expect(ran.code).toBe(0);
    const auth = Buffer.from("me:two\nlines\n").toString("base64");
    expect(await saved()).toMatchObject({ auths: { [registry.address]: { auth } } });
  });

  it("saves nothing that the registry does not take", async () => {
    const ran = await login([registry.address], "wrong");
    expect(ran.code).toBe(4);
    expect(ran.stderr).toContain("nothing was saved");
    await expect(readFile(file)).rejects.toThrow("ENOENT");
  });

  it("sends a password once, that is wrong", async () => {
    await login([registry.address], "wrong");
    expect(registry.requests).toEqual(["GET /v2/ 401", "GET /v2/ 401"]);
  });

  it("asks the token server, which may not take them either", async () => {
    await using tokens = await TokenServer.start({ users: { me: SECRET } });
    await using guarded = await ScriptedRegistry.start();
    guarded.on(/./, tokens.guard(), 9);
    const refused = await login([guarded.address], "wrong");
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain("nothing was saved");
    expect(tokens.methods).toEqual(["GET"]);
    expect((await login([guarded.address])).code).toBe(0);
    expect(tokens.received.at(-1)?.query.has("scope")).toBe(false);
  });

  it("saves an identity token as docker does", async () => {
    await using tokens = await TokenServer.start({ refresh: ["refresh"] });
    await using guarded = await ScriptedRegistry.start();
    guarded.on(/./, tokens.guard(), 9);
    const args = ["login", guarded.address, "--identity-token-stdin"];
    const ran = await lading(args, { home, input: "refresh\n" });
    expect(ran).toMatchObject({
      code: 0,
      stdout: `logged in to ${guarded.address} by an identity token\n`,
    });
    expect(tokens.methods).toEqual(["POST"]);
    expect(await saved()).toMatchObject({
      auths: { [guarded.address]: { identitytoken: "refresh" } },
    });
  });

  it("says that a registry that takes anybody has not checked them", async () => {
    await using open = await createRegistry();
    const ran = await login([open.address, "--json"]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ checked: false });
    expect(ran.stderr).toContain("asks nobody for credentials");
  });

  it.each([
    [500, 6],
    [404, 6],
    [429, 6],
  ])("saves nothing when it is answered %i", async (answer, code) => {
    await using other = await ScriptedRegistry.start();
    other.on(/./, status(answer, { "retry-after": "0" }), 99);
    expect((await login([other.address])).code).toBe(code);
    await expect(readFile(file)).rejects.toThrow("ENOENT");
  });

  it("takes a 404 for a registry's that says so or that has asked for the account", async () => {
    await using old = await ScriptedRegistry.start();
    old.on(/./, status(404, { "docker-distribution-api-version": "registry/2.0" }), 9);
    expect((await login([old.address])).code).toBe(0);
    await using guarded = await ScriptedRegistry.start();
    guarded.challenge = 'Basic realm="r"';
    guarded.on(/./, status(404), 9);
    expect((await login([guarded.address])).code).toBe(0);
  });

  it.each([
    [{ "docker-distribution-api-version": "registry/2.0" }, 0],
    [{}, 6],
  ])(
    "says of a password that it has not sent that it is not checked: %j",
    async (headers, code) => {
      await using other = await ScriptedRegistry.start();
      other.on(/./, status(404, headers), 9);
      const config = join(home, "lading.toml");
      const server = `server = "http://${other.address}/some/path"\noverride-path = true\n`;
      await writeFile(config, `[registry."reg.example"]\n${server}`);
      const ran = await login(["reg.example", "--config", config, "--json"]);
      expect(ran.code).toBe(code);
      if (code === 0) expect(JSON.parse(ran.stdout)).toMatchObject({ checked: false });
      expect(other.received.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    },
  );

  it("does not blame an identity token that a registry had no use for", async () => {
    const words = ["login", registry.address, "--identity-token-stdin"];
    const ran = await lading(words, { home, input: "refresh\n" });
    expect(ran.code).toBe(4);
    expect(ran.stderr).toContain("answered 401 and was not sent these credentials");
  });

  it("is for a path alone, and others there have another account", async () => {
    expect((await login([`${registry.address}/team`])).code).toBe(0);
    const who = async (path: string): Promise<unknown> =>
      JSON.parse(
        (await lading(["whoami", "--json", `${registry.address}/${path}`], { home })).stdout,
      );
    expect(await who("team/app")).toMatchObject({ username: "me" });
    expect(await who("teams/app")).toMatchObject({ kind: "anonymous" });
  });

  it("gives it to the helper that is configured, and --plaintext does not", async () => {
    const { bin, kept } = await helper();
    await mkdir(join(home, "docker"), { recursive: true });
    await writeFile(join(home, "docker/config.json"), JSON.stringify({ credsStore: "keep" }));
    const env = { PATH: `${bin}:${process.env.PATH}` };
    const words = [registry.address, "--username", "me", "--password-stdin"];
    const ran = await lading(["login", ...words], { home, env, input: SECRET });
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toContain("saved by docker-credential-keep");
    expect(JSON.parse(await readFile(kept, "utf8"))).toEqual({
      ServerURL: registry.address,
      Username: "me",
      Secret: SECRET,
    });
    expect(await readFile(file, "utf8")).not.toContain(ENCODED);
    await lading(["login", ...words, "--plaintext"], { home, env, input: SECRET });
    expect(await saved()).toMatchObject({ auths: { [registry.address]: { auth: ENCODED } } });
  });

  it.each([
    [["login", "x", "--list"], "--list takes no registry"],
    [["login", "alpine"], "names no registry"],
    [["login", "ghcr.io/org/app:1"], "is not a registry"],
    [["login", "r.example", "--password-stdin"], "--password-stdin needs --username"],
    [["login", "r.example", "--identity-token-stdin", "-u", "me"], "in place of user and password"],
    [["login", "r.example", "-u", "a:b", "--password-stdin"], "no colon"],
    [["whoami", "store:alpine"], "store: has no meaning here"],
  ])("%j is a usage error, and nobody is asked", async (args, message) => {
    const ran = await lading(args, { home, input: SECRET });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(message);
  });

  it("with nothing on standard input is a usage error", async () => {
    expect(await login([registry.address], "\n")).toMatchObject({ code: 2 });
    expect(registry.requests).toEqual([]);
  });
});

describe("login without a terminal", () => {
  it("says how else to give a password", async () => {
    // A session without a controlling terminal.
    const ran = await lading(["login", registry.address], { home, wrapper: ["setsid", "-w"] });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("--password-stdin");
  });
});

const noScript = spawnSync("script", ["--version"]).error !== undefined;

describe.skipIf(noScript)("login on a terminal", () => {
  it("asks for user and password, and does not show the password", async () => {
    const terminal = onTerminal(["login", registry.address], home);
    await terminal.shows("Username: ");
    terminal.types("me\r");
    await terminal.shows(`Password for ${registry.address}: `);
    terminal.types(`${SECRET}X\x7f\r`);
    const { code, screen } = await terminal.ended;
    expect(screen).toContain(`logged in to ${registry.address} as me`);
    expect(code).toBe(0);
    expect(screen).not.toContain("hunter2");
    expect(await saved()).toMatchObject({ auths: { [registry.address]: { auth: ENCODED } } });
  });

  it("reads what was typed ahead", async () => {
    const terminal = onTerminal(["login", registry.address], home);
    await terminal.shows("Username: ");
    terminal.types(`me\r${SECRET}\r`);
    const { code } = await terminal.ended;
    expect(code).toBe(0);
  });

  it("asks for the password alone when it knows the user, even with other standard input", async () => {
    const terminal = onTerminal(["login", "-u", "me", "--json", registry.address], home);
    await terminal.shows(`Password for ${registry.address}: `);
    terminal.types(`${SECRET}\r`);
    const { code, screen } = await terminal.ended;
    expect(code).toBe(0);
    expect(screen).not.toContain("Username:");
  });

  it.each([
    ["Ctrl-C", "\x03", 130],
    ["Ctrl-D", "\x04", 2],
  ])("ends at %s and saves nothing", async (_, key, code) => {
    const terminal = onTerminal(["login", "-u", "me", registry.address], home);
    await terminal.shows("Password for");
    terminal.types(key);
    expect((await terminal.ended).code).toBe(code);
    expect(registry.requests).toEqual([]);
    await expect(readFile(file)).rejects.toThrow("ENOENT");
  });
});

describe("login --list", () => {
  it("shows lading's and other tools' logins, and no secret", async () => {
    await login([`${registry.address}/team`]);
    const docker = { auths: { "https://index.docker.io/v1/": { auth: ENCODED } } };
    await writeFile(join(home, "docker/config.json"), JSON.stringify(docker));
    const ran = await lading(["login", "--list"], { home });
    expect(ran.stdout.replace(/ {2,}/g, "  ")).toBe(
      `REGISTRY  USER  FROM\n${registry.address}/team  me  ${file}\ndocker.io  me  ${home}/docker/config.json\n`,
    );
    const json = await lading(["login", "--list", "--json"], { home });
    expect(JSON.parse(json.stdout).logins).toMatchObject([
      { key: `${registry.address}/team`, username: "me", readOnly: false },
      { key: "https://index.docker.io/v1/", username: "me", readOnly: true },
    ]);
    for (const text of [ran.stdout, ran.stderr, json.stdout]) {
      expect(text).not.toContain("hunter2");
      expect(text).not.toContain(ENCODED);
    }
  });

  it("says when there is none", async () => {
    const ran = await lading(["login", "--list"], { home });
    expect(ran).toMatchObject({ code: 0, stdout: "", stderr: "no credentials are saved\n" });
  });
});

describe("logout", () => {
  it("takes away exactly that login", async () => {
    await login([registry.address]);
    await login([`${registry.address}/team`]);
    const ran = await lading(["logout", registry.address], { home });
    expect(ran).toMatchObject({ code: 0, stdout: `logged out of ${registry.address}: ${file}\n` });
    expect(await saved()).toEqual({ auths: { [`${registry.address}/team`]: { auth: ENCODED } } });
  });

  it("of what was not saved is not-found, and says who else has it", async () => {
    const docker = { auths: { "ghcr.io": { auth: ENCODED } } };
    await mkdir(join(home, "docker"), { recursive: true });
    await writeFile(join(home, "docker/config.json"), JSON.stringify(docker));
    const ran = await lading(["logout", "ghcr.io"], { home });
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain(`ghcr.io is still in ${home}/docker/config.json`);
    expect(await saved(join(home, "docker/config.json"))).toEqual(docker);
  });
});

/** A helper that keeps the last thing it was given in a file. */
async function helper(): Promise<{ bin: string; kept: string }> {
  const bin = join(home, "bin");
  const kept = join(home, "kept.json");
  await mkdir(bin, { recursive: true });
  const script = `#!/bin/sh
case $1 in
  store) cat > '${kept}' ;;
  get) cat > /dev/null; echo "credentials not found in native keychain"; exit 1 ;;
  list) echo '{}' ;;
esac
`;
  await writeFile(join(bin, "docker-credential-keep"), script, { mode: 0o755 });
  return { bin, kept };
}
