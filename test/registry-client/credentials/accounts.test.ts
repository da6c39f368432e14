import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { LadingError } from "../../../src/errors.ts";
import { open } from "../../../src/index.ts";
import { createRegistry, randomImage } from "../../../src/testkit/index.ts";
import { cleanEnvironment, lading } from "../../cli/run-command.ts";
import { ScriptedRegistry } from "../../registry/scripted-registry.ts";
import { TokenServer } from "../../registry/token-server.ts";
import { temporaryFolder } from "../../temporary.ts";
import { helperFolder } from "./helper-scripts.ts";

const auth = (username: string, password: string) => ({
  auth: Buffer.from(`${username}:${password}`).toString("base64"),
});

async function authFile(auths: Record<string, object>): Promise<string> {
  const path = join(await temporaryFolder(), "auth.json");
  await writeFile(path, JSON.stringify({ auths }));
  return path;
}

/** Whose password came along, by the first part of the repository. */
function seenBy(registry: ScriptedRegistry): Record<string, readonly string[]> {
  const seen: Record<string, string[]> = {};
  for (const { path, headers } of registry.received) {
    const [, namespace = "/"] = /^\/v2\/([^/]+)\//.exec(path) ?? [];
    const encoded = /^Basic (.*)$/.exec(String(headers.authorization))?.[1];
    const [user = "nobody"] = encoded ? Buffer.from(encoded, "base64").toString().split(":") : [];
    seen[namespace] ??= [];
    if (!seen[namespace].includes(user)) seen[namespace].push(user);
  }
  return seen;
}

it("two accounts on one registry pull two repositories, each with its own", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.challenge = 'Basic realm="r"';
  const image = randomImage(registry.content, { seed: 1 }).descriptor;
  for (const name of ["one/app:1", "two/app:1", "twofold/app:1"]) registry.content.tag(name, image);
  const { address } = registry;
  const file = await authFile({
    [`${address}/one`]: auth("first", "x"),
    [`${address}/two`]: auth("second", "y"),
  });
  await using lading = await open({ root: await temporaryFolder(), authFile: file });
  for (const name of ["one", "two", "one"]) {
    await lading.pull(`${address}/${name}/app:1`, { policy: "always" });
  }
  await expect(lading.pull(`${address}/twofold/app:1`)).rejects.toMatchObject({
    code: "unauthorized",
  });
  expect(seenBy(registry)).toEqual({
    one: ["nobody", "first"],
    two: ["nobody", "second"],
    twofold: ["nobody"],
  });
});

it("and so with tokens: each account gets its own, and no other's", async () => {
  const users = { first: "x", second: "y" };
  await using registry = await createRegistry({ auth: { kind: "bearer", users } });
  const image = randomImage(registry.content, { seed: 1 }).descriptor;
  for (const name of ["one/app:1", "two/app:1"]) registry.content.tag(name, image);
  const { address } = registry;
  const root = await temporaryFolder();
  const pulls = async (auths: Record<string, object>, name: string): Promise<string> => {
    await using lading = await open({ root, authFile: await authFile(auths) });
    // The other one first: its token must not do for this one.
    await lading.pull(`${address}/one/app:1`, { policy: "always" });
    const pulled = lading.pull(`${address}/${name}/app:1`, { policy: "always" });
    return pulled.then(
      () => "pulled",
      (error: { code: string }) => error.code,
    );
  };
  const one = { [`${address}/one`]: auth("first", "x") };
  expect(await pulls({ ...one, [`${address}/two`]: auth("second", "y") }, "two")).toBe("pulled");
  expect(await pulls({ ...one, [`${address}/two`]: auth("second", "wrong") }, "two")).toBe(
    "unauthorized",
  );
  expect(await pulls(one, "two")).toBe("unauthorized");
});

it("the command takes them from --authfile, from variables, and refuses variables without a registry", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.challenge = 'Basic realm="r"';
  registry.content.tag("one/app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  const { address } = registry;
  const home = await temporaryFolder();
  cleanEnvironment(home);
  const pull = (args: readonly string[], env: Record<string, string> = {}) =>
    lading(["pull", ...args, `${address}/one/app:1`], { home, env });
  const file = await authFile({ [address]: auth("file", "x") });
  expect((await pull(["--authfile", file])).code).toBe(0);
  const variables = { LADING_USERNAME: "variable", LADING_PASSWORD: "hunter2" };
  expect((await pull([], { ...variables, LADING_REGISTRY: address })).code).toBe(0);
  expect(seenBy(registry)).toEqual({ one: ["nobody", "file", "variable"] });

  registry.received.length = 0;
  const refused = await pull(["--verbose"], variables);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("LADING_USERNAME and LADING_PASSWORD without LADING_REGISTRY");
  expect(refused.stderr).not.toContain("hunter2");
  const absent = await pull(["--authfile", `${file}.absent`]);
  expect(absent.code).toBe(2);
  expect(seenBy(registry)).toEqual({ one: ["nobody"] });
});

it("rotated credentials are taken up after a 401, without a restart", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.content.tag("one/app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  const { address } = registry;
  let good = auth("me", "old").auth;
  registry.on(
    /./,
    ({ request, response, reply }) => {
      const allowed = request.headers.authorization === `Basic ${good}`;
      const { status, headers, body } = reply();
      if (allowed) response.writeHead(status, headers).end(request.method === "HEAD" ? "" : body);
      else response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
    },
    99,
  );
  const file = await authFile({ [address]: auth("me", "old") });
  // A clock that stands: nothing is looked at again because of the time.
  const clock = { ...systemClock, now: () => 1 };
  await using lading = await open({ root: await temporaryFolder(), authFile: file, clock });
  const pull = () => lading.pull(`${address}/one/app:1`, { policy: "always" });
  await pull();
  good = auth("me", "new").auth;
  await writeFile(file, JSON.stringify({ auths: { [address]: auth("me", "new") } }));
  expect(await pull()).toMatchObject({ upToDate: true });
});

describe("credentials that a registry refuses", () => {
  const refused = async (code: number, challenge: string, auths: Record<string, object>) => {
    await using registry = await ScriptedRegistry.start();
    const { address } = registry;
    registry.on(
      /./,
      ({ request, response }) => {
        const status = request.headers.authorization === undefined ? 401 : code;
        response.writeHead(status, { "www-authenticate": challenge }).end();
      },
      99,
    );
    const named = Object.fromEntries(Object.values(auths).map((entry) => [address, entry]));
    const file = await authFile(named);
    await using lading = await open({ root: await temporaryFolder(), authFile: file });
    const error: unknown = await lading.pull(`${address}/one/app:1`).catch((error) => error);
    if (!(error instanceof LadingError)) throw error;
    expect(JSON.stringify(error)).not.toContain("hunter2");
    return { ...error.toJSON(), text: error.message.replaceAll(address, "REGISTRY") };
  };
  const basic = 'Basic realm="r"';

  it("are said to be refused, and where they are from", async () => {
    expect(await refused(401, basic, { any: auth("me", "hunter2") })).toMatchObject({
      code: "unauthorized",
      text: expect.stringContaining(
        "REGISTRY does not take these credentials (the credential file)",
      ),
      hint: expect.stringMatching(/^check user and password; lading whoami .* says where/),
    });
    expect(await refused(403, basic, { any: auth("me", "hunter2") })).toMatchObject({
      code: "unauthorized",
      text: expect.stringContaining("these credentials (the credential file) may not"),
    });
  });

  it("for want of more rights are not said to be wrong", async () => {
    await using tokens = await TokenServer.start({ users: { me: "hunter2" } });
    const challenge = `${tokens.challenge("repository:one/app:pull")},error="insufficient_scope"`;
    expect(await refused(401, challenge, { any: auth("me", "hunter2") })).toMatchObject({
      code: "unauthorized",
      text: expect.stringContaining("these credentials (the credential file) may not"),
      hint: expect.stringMatching(/^check the name \(.*\/one\/app\) and what they may; /),
    });
    expect(tokens.valid.size).toBeGreaterThan(0);
  });

  it("are none where nobody has any, with a token for anyone too", async () => {
    await using tokens = await TokenServer.start();
    for (const challenge of [basic, tokens.challenge()]) {
      expect(await refused(401, challenge, {})).toMatchObject({
        text: expect.stringContaining("REGISTRY answered 401"),
        hint: expect.stringMatching(/^log in:/),
      });
    }
    expect(tokens.received.length).toBeGreaterThan(0);
  });
});

it("the helper that lading.toml names for a registry is asked for it", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.challenge = 'Basic realm="r"';
  registry.content.tag("one/app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  const { address } = registry;
  const helpers = await helperFolder();
  await helpers.keeper("store", { [address]: ["kept", "x"] });
  const home = await temporaryFolder();
  const config = join(home, "lading.toml");
  await writeFile(config, `[registry."${address}"]\nhelper = "store"\n`);
  const env = { PATH: helpers.environment.PATH ?? "" };
  const pull = () => lading(["pull", "--config", config, `${address}/one/app:1`], { home, env });
  expect((await pull()).code).toBe(0);
  expect(seenBy(registry)).toEqual({ one: ["nobody", "kept"] });
  expect(await helpers.calls()).toEqual([`get ${address}`]);

  await helpers.script("store", "echo hunter2; exit 1");
  const failed = await pull();
  expect(failed.code).toBe(4);
  expect(failed.stderr).toContain("docker-credential-store failed: exit 1");
  expect(failed.stderr + failed.stdout).not.toContain("hunter2");
});
