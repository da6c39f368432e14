import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { hostCredentials } from "../../../src/registry/auth/credentials.ts";
import { randomImage } from "../../../src/testkit/index.ts";
import { createAuthority } from "../../registry/certificates.ts";
import { pemFiles } from "../../registry/client-rig.ts";
import {
  type Received,
  redirectTo,
  ScriptedRegistry,
  status,
} from "../../registry/scripted-registry.ts";
import { settingsFor } from "../../registry/settings.ts";
import { faultRig, noRetry, type Rig } from "../rig.ts";

const PASSWORD = "pa55w0rd";

interface Company extends Rig {
  readonly registry: ScriptedRegistry;
  /** What the registry calls itself, and another host. */
  readonly name: string;
  readonly cdn: ScriptedRegistry;
  readonly blob: string;
  readonly bytes: Uint8Array;
}

/**
 * A registry over TLS that takes a password, a header and a client certificate, and a storage that would
 * take all three as well; every name means a public address.
 */
async function company(): Promise<Company> {
  const authority = createAuthority();
  const issued = authority.issue({ names: ["registry.test", "cdn.test"] });
  const tls = { ...issued, ca: authority.cert, requestCert: true, rejectUnauthorized: false };
  const registry = await ScriptedRegistry.start({ tls });
  const cdn = await ScriptedRegistry.start({ tls });
  for (const server of [registry, cdn]) onTestFinished(() => server[Symbol.asyncDispose]());
  const shape = { seed: 1, layers: 1, files: 1, compression: ["none"] } as const;
  const image = randomImage(registry.content, shape);
  registry.content.tag("app:1", image.descriptor);
  registry.challenge = 'Basic realm="r"';
  const name = `registry.test:${registry.port}`;
  const client = authority.issue({ client: true, subject: "me" });
  const files = await pemFiles({ cert: client.cert, key: client.key });
  const rig = await faultRig({
    retry: noRetry,
    settings: settingsFor({
      [name]: {
        headers: { "x-team": PASSWORD, cookie: `session=${PASSWORD}` },
        tls: { client: [{ cert: files.cert, key: files.key }] },
      },
    }),
    credentials: hostCredentials({ [name]: { kind: "basic", username: "me", password: PASSWORD } }),
    transport: {
      ca: authority.cert,
      lookup: async () => [{ address: "93.184.216.34", family: 4 }],
      connect: ({ port }) => connect(port, "127.0.0.1"),
    },
  });
  onTestFinished(() => rig[Symbol.asyncDispose]());
  const digest = image.layers[0]?.digest ?? ("" as never);
  return {
    ...rig,
    registry,
    name,
    cdn,
    blob: `GET /v2/app/blobs/${digest}`,
    bytes: registry.content.blobs.get(digest) ?? new Uint8Array(),
    pull: () => rig.lading.pull(`${name}/app:1`),
  };
}

/** That nothing in it says who asks. */
function expectNothingOfMine(received: readonly Received[]): void {
  expect(received.length).toBeGreaterThan(0);
  for (const { headers, client } of received) {
    expect(client).toBeUndefined();
    expect(Object.keys(headers).sort()).toEqual(
      Object.keys(headers)
        .filter((name) => HARMLESS.has(name))
        .sort(),
    );
  }
  expect(JSON.stringify(received)).not.toContain(PASSWORD);
}

const HARMLESS = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "host",
  "range",
  "user-agent",
]);

describe("a registry over TLS with a password, a header and a client certificate", () => {
  it("gets all three itself", async () => {
    const { pull, registry } = await company();
    await pull();
    const last = registry.received.at(-1);
    expect(last).toMatchObject({ client: "me", headers: { "x-team": PASSWORD } });
    expect(last?.headers.authorization).toMatch(/^Basic /);
  });

  it.each([
    ["another host", "cdn.test"],
    ["another port of its own host", "registry.test"],
  ])(
    "that redirects to %s: nothing of them goes along (GHSA-vh4v-2xq2-g5cg, GHSA-h3wm-jjqf-8jm2)",
    async (_, host) => {
      const { pull, registry, cdn, blob, bytes } = await company();
      registry.on(blob, redirectTo(`https://${host}:${cdn.port}/layer`), 9);
      cdn.on("GET /layer", ({ response }) => void response.end(bytes), 9);
      await pull();
      expectNothingOfMine(cdn.received);
    },
  );

  it("whose storage asks who we are is not answered, and its token server not asked", async () => {
    const { pull, registry, cdn, blob } = await company();
    registry.on(blob, redirectTo(`https://cdn.test:${cdn.port}/layer`), 9);
    const realm = `Bearer realm="https://cdn.test:${cdn.port}/token",service="s"`;
    cdn.on("GET /layer", status(401, { "www-authenticate": realm }), 9);
    await expect(pull()).rejects.toMatchObject({ code: "unauthorized" });
    expect(cdn.asked.filter((line) => line.includes("/token"))).toEqual([]);
    expectNothingOfMine(cdn.received);
  });

  it("that is redirected back to by its storage gets nothing on that way either", async () => {
    const { pull, registry, name, cdn, blob, bytes } = await company();
    registry.on(blob, redirectTo(`https://cdn.test:${cdn.port}/layer`), 9);
    cdn.on("GET /layer", redirectTo(`https://${name}/back`), 9);
    registry.on("GET /back", ({ response }) => void response.end(bytes), 9);
    await pull();
    expectNothingOfMine(cdn.received);
    const back = registry.received.filter(({ path }) => path === "/back");
    expect(JSON.stringify(back)).not.toContain(PASSWORD);
  });

  it("that redirects from https to http is not followed", async () => {
    const { pull, registry, cdn, blob } = await company();
    await using open = await ScriptedRegistry.start();
    registry.on(blob, redirectTo(`http://cdn.test:${open.port}/layer`), 9);
    await expect(pull()).rejects.toMatchObject({ code: "refused" });
    expect([open.received, cdn.received]).toEqual([[], []]);
  });

  it.each(["file:///etc/passwd", "data:text/plain,x", "//", "https://", "http:", "gopher://x/"])(
    "that redirects to %o is not followed",
    async (location) => {
      const { pull, registry, blob } = await company();
      registry.on(blob, status(307, { location }), 9);
      await expect(pull()).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:malformed|refused|registry-unavailable)$/),
      });
    },
  );
});
