import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { built, runChild } from "../child.ts";
import { TestProxy } from "../registry/proxy.ts";
import { redirectTo, ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { TokenServer } from "../registry/token-server.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

const PASSWORD = "hunter2-very-secret";
const IDENTITY = "1dent1ty-very-secret";
const PROXY_PASSWORD = "pr0xy-very-secret";
const HEADER = "h3ader-very-secret";
const SIGNATURE = "5ecre7s1gnature";

/** One of each kind of secret that lading is given, or gets on the way. */
interface Company extends AsyncDisposable {
  readonly registry: ScriptedRegistry;
  readonly tokens: TokenServer;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** All that must be seen nowhere. */
  secrets(): readonly string[];
}

type Kind = "a password" | "an identity token" | "a credential helper";

/** A registry behind a proxy with an account, that asks for a header and for tokens, with a storage of signed URLs. */
async function company(kind: Kind): Promise<Company> {
  const registry = await ScriptedRegistry.start();
  const storage = await ScriptedRegistry.start();
  const users = { me: PASSWORD };
  const tokens = await TokenServer.start({ users, refresh: [IDENTITY] });
  const account = { username: "me", password: PROXY_PASSWORD };
  const proxy = await TestProxy.start({ account });
  const image = randomImage(registry.content, { seed: 1 });
  registry.content.tag("app:1", image.descriptor);
  registry.challenge = tokens.challenge();
  const signed = `http://${storage.address}/layer?X-Amz-Signature=${SIGNATURE}`;
  const layer = image.layers[0]?.digest ?? ("" as never);
  registry.on(`GET /v2/app/blobs/${layer}`, redirectTo(signed), 99);
  const bytes = registry.content.blobs.get(layer);
  storage.on("GET /layer", ({ response }) => void response.end(bytes), 99);
  const home = await temporaryFolder();
  const host = registry.address;
  const settings = `[registry."${host}"]
proxy = ${JSON.stringify(proxy.url)}
headers = { x-team = "${HEADER}" }
trust-hosts = ["${tokens.address}", "${storage.address}"]
`;
  await writeFile(join(home, "lading.toml"), settings);
  await mkdir(join(home, "docker"), { recursive: true });
  const auth = Buffer.from(`me:${PASSWORD}`).toString("base64");
  const files = {
    "a password": { auths: { [host]: { auth } } },
    "an identity token": { auths: { [host]: { auth: "", identitytoken: IDENTITY } } },
    "a credential helper": { credHelpers: { [host]: "keeper" } },
  };
  await writeFile(join(home, "docker/config.json"), JSON.stringify(files[kind]));
  const answer = JSON.stringify({ ServerURL: host, Username: "me", Secret: PASSWORD });
  const script = `#!/bin/sh\necho '${answer}'\n`;
  await mkdir(join(home, "bin"));
  await writeFile(join(home, "bin/docker-credential-keeper"), script, { mode: 0o755 });
  return {
    registry,
    tokens,
    home,
    env: { PATH: `${join(home, "bin")}:${process.env.PATH}` },
    secrets: () => [
      ...[PASSWORD, IDENTITY, PROXY_PASSWORD, HEADER, SIGNATURE, auth],
      Buffer.from(`me:${PROXY_PASSWORD}`).toString("base64"),
      ...[...tokens.valid].map((token) => token.replace("Bearer ", "")),
    ],
    async [Symbol.asyncDispose]() {
      for (const part of [registry, storage, tokens, proxy]) await part[Symbol.asyncDispose]();
    },
  };
}

function expectNoSecret(text: string, { secrets }: Company, what: string): void {
  for (const secret of secrets()) expect(text, `${what} shows ${secret}`).not.toContain(secret);
}

const KINDS: readonly Kind[] = ["a password", "an identity token", "a credential helper"];

describe.each(KINDS)("with %s, no secret is shown (GHSA-5jhf-2qmf-m8c5)", (kind) => {
  it("by any command, however much it is asked to say", { timeout: 60_000 }, async () => {
    await using rig = await company(kind);
    const { registry, home, env } = rig;
    const good = `${registry.address}/app:1`;
    const trace = join(home, "trace.ndjson");
    const commands: readonly (readonly [code: number, ...args: string[]])[] = [
      [0, "pull", "-v", "--progress", "plain", "--trace", trace, good],
      [0, "pull", "-v", "--progress", "json", "--json", "--trace", trace, good],
      [3, "tags", "-v", `${registry.address}/app`],
      [0, "ratelimit", "-v", good],
      [0, "doctor", "-v", good],
      [0, "doctor", "--json", good],
      [0, "whoami", good],
      [0, "whoami", "--json", good],
      [0, "login", "--list"],
      [0, "config", "show", registry.address],
      [0, "config", "show", "--json", registry.address],
      [0, "config", "check"],
    ];
    for (const [code, ...args] of commands) {
      const ran = await lading(args, { home, env });
      expect(ran.code, `${args.join(" ")}: ${ran.stderr}`).toBe(code);
      expectNoSecret(ran.stdout + ran.stderr, rig, args.join(" "));
    }
    const traced = await readFile(trace, "utf8");
    expect(traced).toContain('"role":"token"');
    expect(traced).toContain('"role":"redirect"');
    expectNoSecret(traced, rig, "the trace");
    // There was something to leak.
    expect(rig.tokens.valid.size).toBeGreaterThan(0);
  });

  it("when a registry refuses, and repeats what it was sent", async () => {
    await using rig = await company(kind);
    const { registry, home, env } = rig;
    registry.on(
      "GET /v2/app/manifests/",
      (exchange) => {
        const { authorization = "", "x-team": team } = exchange.request.headers;
        const errors = [
          { code: "DENIED", message: `not with ${authorization} and "token": "${team}"` },
        ];
        return status(403, { "x-echo": authorization }, JSON.stringify({ errors }))(exchange);
      },
      99,
    );
    registry.on("HEAD /v2/app/manifests/", status(403), 99);
    for (const args of [["pull", "-v"], ["pull", "--json"], ["doctor"], ["doctor", "--json"]]) {
      const ran = await lading([...args, `${registry.address}/app:1`], { home, env });
      expect(ran.code, ran.stderr).toBe(4);
      // What a registry makes of a header of ours can be told by no pattern.
      const said = (ran.stdout + ran.stderr).replaceAll(HEADER, "");
      expectNoSecret(said, rig, args.join(" "));
    }
  });
});

describe("a program that dies of an error, with a stack", () => {
  it.each([
    ["of lading's own", "await lading.pull(reference + 'none')"],
    [
      "of a listener's",
      "await lading.pull(reference + '1', { onEvent: () => { throw new Error('mine'); } })",
    ],
  ])("%s shows no secret", async (_, call) => {
    await using registry = await ScriptedRegistry.start();
    await using tokens = await TokenServer.start({ users: { me: PASSWORD } });
    registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
    registry.challenge = tokens.challenge();
    const root = await temporaryFolder();
    const child = runChild(`
      import { inspect } from "node:util";
      import { hostCredentials, open } from ${JSON.stringify(built("index.js"))};
      const credential = { kind: "basic", username: "me", password: ${JSON.stringify(PASSWORD)} };
      const credentials = hostCredentials({ ${JSON.stringify(registry.address)}: credential });
      const root = ${JSON.stringify(root)};
      const lading = await open({ root, config: false, credentials });
      const reference = ${JSON.stringify(`${registry.address}/app:`)};
      const error = await (async () => ${call})().catch((error) => error);
      say(inspect(error, { depth: 20, showHidden: true }));
      say("error " + (error instanceof Error));
      process.exit();
    `);
    await child.ended();
    expect(child.output).toContain("error true");
    const basic = Buffer.from(`me:${PASSWORD}`).toString("base64");
    for (const secret of [PASSWORD, basic, ...tokens.valid]) {
      expect(child.output).not.toContain(secret);
    }
  });
});
