import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import { parseProxyUrl } from "../../src/registry/settings/proxy-url.ts";
import { open } from "../../src/verbs/open.ts";
import type { OpenOptions } from "../../src/verbs/session.ts";
import { createAuthority, type IssueOptions } from "../registry/certificates.ts";
import { mirrored } from "../registry/mirrored.ts";
import { TestProxy } from "../registry/proxy.ts";
import { refusedSocket } from "../registry/refused-socket.ts";
import { ignoreRange, ScriptedRegistry, stall, status } from "../registry/scripted-registry.ts";
import { settingsFor } from "../registry/settings.ts";
import { TokenServer } from "../registry/token-server.ts";
import { temporaryFolder } from "../temporary.ts";
import { examined, registryWithImage, step } from "./doctor-rig.ts";

const DAY = 86_400_000;

/** A registry by a name of the network, over TLS, that answers on loopback. */
async function named(issue: IssueOptions = {}): Promise<{
  readonly registry: ScriptedRegistry;
  readonly reference: string;
  readonly options: OpenOptions;
}> {
  const authority = createAuthority("The Company");
  const tls = authority.issue({ names: ["registry.test"], ...issue });
  const registry = await registryWithImage({ tls });
  return {
    registry,
    reference: `registry.test:${registry.port}/app:1`,
    options: {
      transport: {
        ca: authority.cert,
        lookup: async () => [{ address: "93.184.216.34", family: 4 }],
        connect: ({ port }) => connect({ host: "127.0.0.1", port }),
      },
    },
  };
}

describe("the doctor", () => {
  it("walks through all that a pull needs, and brings no layer", async () => {
    const { registry, reference, options } = await named();
    const host = `registry.test:${registry.port}`;
    registry.challenge = `Bearer realm="https://${host}/token",service="s"`;
    registry.on("GET /token", status(200, {}, JSON.stringify({ token: "t0ken" })), 9);
    const credentials = hostCredentials({
      [host]: { kind: "basic", username: "me", password: "pa55w0rd" },
    });
    const report = await examined(reference, { ...options, credentials });
    expect(report.steps.map(({ name, state }) => `${state} ${name}`)).toEqual([
      "ok reference",
      "ok settings",
      "ok name",
      "ok connection",
      "ok tls",
      "ok registry",
      "ok credentials",
      "ok token",
      "ok manifest",
      "ok ranges",
      "ok rate limit",
      "ok store",
      "ok disk",
    ]);
    expect(report).toMatchObject({ reference, ok: true, error: undefined });
    expect(step(report, "name").detail).toBe("93.184.216.34 (public)");
    expect(step(report, "tls").detail).toMatch(
      /^TLSv1\.3, certified by The Company until 20[0-9-]+$/,
    );
    expect(step(report, "registry").detail).toBe("answers, and asks who it is (Bearer)");
    expect(step(report, "credentials").detail).toContain("me, by credentials");
    expect(step(report, "token").detail).toContain(`given by ${host} in `);
    expect(step(report, "manifest").detail).toMatch(/^sha256:[0-9a-f]{64}, linux\/.*, 2 layers$/);
    const told = JSON.stringify(report);
    for (const secret of ["pa55w0rd", "t0ken"]) expect(told).not.toContain(secret);
    const brought = registry.received.filter(({ path }) => path.includes("/blobs/"));
    const parts = brought.filter(({ headers }) => headers.range !== undefined);
    expect([brought.length, parts.map(({ headers }) => headers.range)]).toEqual([2, ["bytes=1-1"]]);
  });

  it("says of a reference that can't be read what is wrong with it", async () => {
    const report = await examined("app/UPPER");
    expect(step(report, "reference")).toMatchObject({ state: "failed", hint: expect.any(String) });
    expect(report.error?.code).toBe("invalid-reference");
    expect(step(report, "name").state).toBe("not-reached");
    expect(step(report, "store").state).toBe("ok");
  });

  it("says which settings file can't be read, and warns of what will not do for long", async () => {
    const folder = await temporaryFolder();
    const config = join(folder, "lading.toml");
    await writeFile(config, "[defaults\n");
    const broken = await examined("registry.test/app:1", { config });
    expect(step(broken, "settings")).toMatchObject({ state: "failed" });
    expect(step(broken, "settings").detail).toContain(config);
    const soon = createAuthority().issue({ notAfter: new Date(Date.now() + 3 * DAY) });
    const ca = join(folder, "ca.pem");
    await writeFile(ca, soon.cert);
    await writeFile(config, `[registry."registry.test"]\nca = ${JSON.stringify(ca)}\n`);
    const transport = { lookup: async () => Promise.reject(codeError("ENOTFOUND")) };
    const odd = await examined("registry.test/app:1", { config, transport });
    expect(step(odd, "settings")).toMatchObject({ state: "warning" });
    expect(step(odd, "settings").hint).toContain("it expires soon");
  });

  it("says that a name does not resolve", async () => {
    const transport = { lookup: async () => Promise.reject(codeError("ENOTFOUND")) };
    const report = await examined("registry.test/app:1", { transport });
    expect(step(report, "name")).toMatchObject({
      state: "failed",
      detail: "registry.test: the name does not resolve",
    });
    expect(step(report, "connection").state).toBe("not-reached");
    expect(step(report, "credentials").state).toBe("ok");
    expect(report.error?.code).toBe("network");
  });

  it("says that nothing listens, and which of several addresses do not answer", async () => {
    const none = await ScriptedRegistry.start();
    const { port } = none;
    await none[Symbol.asyncDispose]();
    const refused = await examined(`127.0.0.1:${port}/app:1`);
    expect(step(refused, "connection")).toMatchObject({
      state: "failed",
      detail: `127.0.0.1:${port}: nothing listens there`,
    });
    const { registry, reference, options } = await named();
    const report = await examined(reference, {
      transport: {
        ...options.transport,
        lookup: async () => [
          { address: "2001:db8::1", family: 6 },
          { address: "93.184.216.34", family: 4 },
        ],
        connect: ({ address }) =>
          connect({ host: "127.0.0.1", port: address.includes(":") ? port : registry.port }),
      },
    });
    expect(step(report, "connection")).toMatchObject({ state: "warning" });
    expect(step(report, "connection").detail).toMatch(
      /^93\.184\.216\.34 in [0-9]+ ms; 1 of 2 addresses can't be reached \(.*nothing listens/,
    );
    expect(step(report, "tls").state).toBe("ok");
  });

  it("says that a certificate is not trusted, is another's, or is about to expire", async () => {
    const strange = await named();
    const other = createAuthority().cert;
    const transport = { ...strange.options.transport, ca: other };
    const untrusted = await examined(strange.reference, { transport });
    expect(step(untrusted, "tls")).toMatchObject({
      state: "failed",
      detail: expect.stringContaining("its certificate is not trusted here"),
      hint: expect.stringContaining("lading.toml"),
    });
    expect(step(untrusted, "registry").state).toBe("not-reached");
    const elsewhere = await named({ names: ["other.test"] });
    const wrong = await examined(elsewhere.reference, elsewhere.options);
    expect(step(wrong, "tls").detail).toContain("its certificate is for another host");
    const soon = await named({ notAfter: new Date(Date.now() + 3 * DAY) });
    const expiring = await examined(soon.reference, soon.options);
    expect(step(expiring, "tls")).toMatchObject({
      state: "warning",
      hint: "its certificate is about to expire",
    });
    expect(expiring.ok).toBe(true);
  });

  it("says that a certificate is not verified", async () => {
    const { reference, options, registry } = await named();
    const settings = settingsFor({
      [`registry.test:${registry.port}`]: { tls: { skipVerify: true } },
    });
    const transport = { ...options.transport, ca: createAuthority().cert };
    const report = await examined(reference, { transport, settings });
    expect(step(report, "tls")).toMatchObject({
      state: "warning",
      hint: expect.stringContaining("skip-verify"),
    });
  });

  it("says that what answers is no registry", async () => {
    const registry = await registryWithImage();
    registry.on("GET /v2/", status(404, {}, "<html>"), 9);
    const report = await examined(`${registry.address}/app:1`);
    expect(step(report, "registry")).toMatchObject({
      state: "warning",
      detail: `${registry.address} answered 404 to GET /v2/`,
      hint: expect.stringContaining("is this a registry?"),
    });
    expect(step(report, "manifest").state).toBe("failed");
    expect(report.error?.code).toBe("not-found");
  });

  it("says which source of credentials fails", async () => {
    const registry = await registryWithImage();
    registry.challenge = 'Basic realm="r"';
    const authFile = join(await temporaryFolder(), "auth.json");
    await writeFile(authFile, JSON.stringify({ credsStore: "not-there" }));
    const report = await examined(`${registry.address}/app:1`, { authFile });
    expect(step(report, "credentials")).toMatchObject({ state: "failed" });
    expect(step(report, "credentials").detail).toContain("docker-credential-not-there");
    expect(step(report, "manifest").state).toBe("not-reached");
  });

  it("tells a token that is refused from an image that is not there", async () => {
    const registry = await registryWithImage();
    await using tokens = await TokenServer.start({ users: { me: "right" } });
    registry.challenge = tokens.challenge();
    const credentials = hostCredentials({
      [registry.address]: { kind: "basic", username: "me", password: "wrong" },
    });
    const refused = await examined(`${registry.address}/app:1`, { credentials });
    expect(step(refused, "token")).toMatchObject({ state: "failed" });
    expect(refused.error?.code).toBe("unauthorized");
    expect(step(refused, "manifest").state).toBe("not-reached");
    registry.challenge = undefined;
    const missing = await examined(`${registry.address}/app:2`);
    expect(step(missing, "token")).toMatchObject({ state: "skipped" });
    expect(step(missing, "manifest")).toMatchObject({ state: "failed", hint: expect.any(String) });
    expect(missing.error?.code).toBe("not-found");
  });

  it("warns of a registry that gives blobs whole only, and of a limit that is used up", async () => {
    const registry = await registryWithImage();
    registry.on(/^GET \/v2\/app\/blobs\//, ignoreRange, 9);
    const limit = { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600" };
    registry.on(
      "HEAD /v2/app/manifests/",
      ({ response }) => {
        response.writeHead(200, limit).end();
      },
      9,
    );
    const report = await examined(`${registry.address}/app:1`);
    expect(step(report, "ranges")).toMatchObject({ state: "warning", hint: expect.any(String) });
    expect(step(report, "rate limit")).toMatchObject({ state: "warning", detail: "0 of 100 left" });
    expect(report.ok).toBe(true);
  });

  it("says that the store can't be used, though the registry can't be reached either", async () => {
    const root = join(await temporaryFolder(), "file");
    await writeFile(root, "");
    const transport = { lookup: async () => Promise.reject(codeError("ENOTFOUND")) };
    const report = await examined("registry.test/app:1", { root, transport });
    expect(step(report, "store")).toMatchObject({ state: "failed", hint: expect.any(String) });
    expect(step(report, "disk").state).toBe("not-reached");
    // The first failure is the one that is told.
    expect(report.error?.code).toBe("network");
  });

  it("warns of a registry that can't be reached where its mirror answers", async () => {
    const mirror = await registryWithImage();
    const settings = mirrored("registry.test", [
      { at: mirror.address, capabilities: ["pull", "resolve"] },
    ]);
    const transport = {
      lookup: async (name: string) =>
        name === "127.0.0.1"
          ? [{ address: name, family: 4 }]
          : Promise.reject(codeError("ENOTFOUND")),
    };
    const report = await examined("registry.test/app:1", { settings, transport });
    expect(step(report, "settings").detail).toContain(`mirrors: ${mirror.address}`);
    expect(step(report, "name")).toMatchObject({
      state: "warning",
      detail: "registry.test: the name does not resolve",
    });
    expect(step(report, "manifest").state).toBe("ok");
    expect(step(report, "ranges").state).toBe("ok");
    expect(report).toMatchObject({ ok: true, error: undefined });
  });

  it("leaves to a proxy what a proxy does", async () => {
    const authority = createAuthority();
    const registry = await registryWithImage({
      tls: authority.issue({ names: ["registry.test"] }),
    });
    await using proxy = await TestProxy.start({
      resolve: () => ({ host: "127.0.0.1", port: registry.port }),
    });
    const settings = settingsFor({
      "registry.test": { proxy: parseProxyUrl(proxy.url) },
    });
    const transport = { ca: authority.cert };
    const report = await examined("registry.test/app:1", { settings, transport });
    expect(report.ok, JSON.stringify(report)).toBe(true);
    const { host } = new URL(proxy.url);
    expect(step(report, "name").detail).toBe(
      `127.0.0.1 (loopback): ${host}, the proxy of the settings, which finds registry.test`,
    );
    expect(step(report, "connection").state).toBe("ok");
    expect(step(report, "tls").state).toBe("skipped");
  });

  it("says that a proxy can't be reached", async () => {
    const none = await ScriptedRegistry.start();
    const { port } = none;
    await none[Symbol.asyncDispose]();
    const proxy = parseProxyUrl(`http://127.0.0.1:${port}`);
    const report = await examined("registry.test/app:1", {
      settings: settingsFor({ "registry.test": { proxy } }),
    });
    expect(step(report, "connection")).toMatchObject({
      state: "failed",
      detail: `127.0.0.1:${port}: nothing listens there`,
    });
  });

  it("stops at once when it is told to", async () => {
    const registry = await registryWithImage();
    const abort = new AbortController();
    registry.on("GET /v2/", (exchange) => {
      abort.abort();
      return stall(0)(exchange);
    });
    await using lading = await open({ root: await temporaryFolder(), config: false });
    const { signal } = abort;
    await expect(lading.doctor(`${registry.address}/app:1`, { signal })).rejects.toMatchObject({
      code: "aborted",
    });
  });

  it("stops before it connects when it is told to while a name is looked up", async () => {
    const abort = new AbortController();
    const attempted: string[] = [];
    await using lading = await open({
      root: await temporaryFolder(),
      config: false,
      transport: {
        async lookup() {
          abort.abort();
          return [{ address: "93.184.216.34", family: 4 }];
        },
        connect({ address }) {
          attempted.push(address);
          return refusedSocket();
        },
      },
    });
    const { signal } = abort;
    await expect(lading.doctor("registry.test/app:1", { signal })).rejects.toMatchObject({
      code: "aborted",
    });
    expect(attempted).toEqual([]);
  });
});

function codeError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
