import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseReference } from "../../../src/oci/reference.ts";
import { whoseCredentials } from "../../../src/registry/auth/whose.ts";
import { createRegistryClient } from "../../../src/registry/client.ts";
import { loadSettings } from "../../../src/registry/settings/load.ts";
import { lading } from "../../cli/run-command.ts";
import { noRetry } from "../../faults/rig.ts";
import { ScriptedRegistry } from "../../registry/scripted-registry.ts";
import { temporaryFolder } from "../../temporary.ts";

const account = (user: string) => ({ auth: Buffer.from(`${user}:secret`).toString("base64") });
const DIGEST = `sha256:${"0".repeat(64)}`;

/** Who one is to the host that a settings file leads to, at each request for an image; "" is nobody. */
async function usersAt(
  name: string,
  toml: string,
  auths: Readonly<Record<string, object>>,
  environment: NodeJS.ProcessEnv = {},
): Promise<readonly string[]> {
  await using host = await ScriptedRegistry.start();
  host.challenge = 'Basic realm="r"';
  const home = await temporaryFolder();
  const config = join(home, "lading.toml");
  await writeFile(config, toml);
  const env = { HOME: home, DOCKER_AUTH_CONFIG: JSON.stringify({ auths }), ...environment };
  await using client = createRegistryClient({
    environment: env,
    settings: loadSettings({ config, environment: env, home, etc: join(home, "etc") }),
    retry: noRetry,
    transport: {
      lookup: async () => [{ address: "10.0.0.5", family: 4 }],
      connect: () => connect(host.port, "127.0.0.1"),
    },
  });
  const repository = await client.repository(parseReference(name));
  await repository.fetchManifest(DIGEST).catch(() => undefined);
  return host.received.map(({ headers }) => {
    const sent = /^Basic (.*)$/.exec(headers.authorization?.toString() ?? "")?.[1] ?? "";
    return Buffer.from(sent, "base64").toString().split(":")[0] ?? "";
  });
}

describe("a trusted mirror", () => {
  const toml = '[[registry."ghcr.io".mirror]]\nurl = "http://cache.lan:5000"\ntrusted = true\n';

  it("gets nothing of what a cloud gives", async () => {
    const users = await usersAt("ghcr.io/org/app", toml, {}, { GITHUB_TOKEN: "hunter2" });
    expect(users.length).toBeGreaterThan(0);
    expect(users.every((user) => user === "")).toBe(true);
  });

  it("gets the registry's password from a file, where it has none of its own", async () => {
    const auths = { "ghcr.io": account("theirs") };
    expect(await usersAt("ghcr.io/org/app", toml, auths)).toContain("theirs");
    const own = { ...auths, "cache.lan:5000": account("its own") };
    const users = await usersAt("ghcr.io/org/app", toml, own);
    expect(users).toContain("its own");
    expect(users).not.toContain("theirs");
  });
});

describe("a registry that a settings file moved to another host", () => {
  const toml = '[registry."quay.io"]\nserver = "http://cache.lan:5000"\n';

  it("is sent the account of that host, and its own never in the open", async () => {
    const auths = { "quay.io": account("theirs") };
    const users = await usersAt("quay.io/org/app", toml, auths);
    expect(users.length).toBeGreaterThan(0);
    expect(users.every((user) => user === "")).toBe(true);
    const both = { ...auths, "cache.lan:5000": account("host") };
    expect(await usersAt("quay.io/org/app", toml, both)).toContain("host");
  });

  it("is told by whoami as it is pulled from", async () => {
    const home = await temporaryFolder();
    const config = join(home, "lading.toml");
    const file = join(home, "auth.json");
    const whoami = async (server: string, auths: object): Promise<string> => {
      await writeFile(config, `[registry."quay.io"]\nserver = "${server}"\n`);
      await writeFile(file, JSON.stringify({ auths }));
      const words = ["whoami", "--config", config, "--authfile", file, "quay.io/org/app"];
      return (await lading(words, { home })).stdout;
    };
    const own = { "quay.io": account("own") };
    expect(await whoami("https://cache.lan", own)).toContain(": own, by");
    expect(await whoami("https://cache.lan", { ...own, "cache.lan": account("host") })).toContain(
      ": host, by",
    );
    expect(await whoami("http://cache.lan", own)).not.toContain("own, by");
  });
});

describe("whose credentials may go along", () => {
  const whose = (registry: string, url: string) =>
    whoseCredentials({
      url: new URL(url),
      scope: { registry, repository: "org/app", action: "pull" },
    }).map((request) => `${request.registry}/${request.repository} to ${request.origin}`);

  it.each([
    ["quay.io", "https://quay.io/v2/org/app/manifests/1", "quay.io"],
    ["docker.io", "https://registry-1.docker.io/v2/org/app/manifests/1", "docker.io"],
    ["a.lan:80", "http://a.lan/v2/org/app/manifests/1", "a.lan:80"],
    ["a.lan:443", "https://a.lan/v2/org/app/manifests/1", "a.lan:443"],
    ["127.0.0.1:5000", "http://127.0.0.1:5000/v2/org/app/tags/list", "127.0.0.1:5000"],
  ])("at its own host: %s's, to %s", (registry, url, name) => {
    expect(whose(registry, url)).toEqual([`${name}/org/app to ${new URL(url).origin}`]);
  });

  it("elsewhere: the host's first, under the name that it has there, then the registry's", () => {
    const origin = "https://harbor.lan";
    expect(whose("quay.io", `${origin}/v2/quay/org/app/manifests/1`)).toEqual([
      `harbor.lan/quay/org/app to ${origin}`,
      `quay.io/org/app to ${origin}`,
    ]);
    expect(whose("quay.io", `${origin}/repository/docker/v2/`)).toEqual([
      `harbor.lan/org/app to ${origin}`,
      `quay.io/org/app to ${origin}`,
    ]);
  });

  it.each([
    ["http://127.0.0.1:5000", 2],
    ["http://localhost:5000", 2],
    ["http://10.0.0.1:5000", 1],
    ["http://cache.lan", 1],
  ])("elsewhere in http, the registry's on this machine alone: %s", (origin, count) => {
    expect(whose("quay.io", `${origin}/v2/org/app/manifests/1`)).toHaveLength(count);
  });
});
