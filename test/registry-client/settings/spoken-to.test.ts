import { mkdir, writeFile } from "node:fs/promises";
import type { ServerOptions } from "node:https";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { randomImage } from "../../../src/testkit/index.ts";
import { lading } from "../../cli/run-command.ts";
import { createAuthority } from "../../registry/certificates.ts";
import { ScriptedRegistry } from "../../registry/scripted-registry.ts";
import { temporaryFolder } from "../../temporary.ts";

async function registryWith(tls?: ServerOptions): Promise<ScriptedRegistry> {
  const registry = await ScriptedRegistry.start({ tls });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1, layers: 1 }).descriptor);
  return registry;
}

async function home(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const pull = (folder: string, reference: string, env: Record<string, string> = {}) =>
  lading(["pull", reference], { home: folder, env });

describe("a registry with an authority of its own, which asks for a client certificate", () => {
  it("is pulled from by docker's folder of certificates, and by nothing less", async () => {
    const authority = createAuthority();
    const client = authority.issue({ client: true });
    const tls = { ...authority.issue(), ca: authority.cert, requestCert: true };
    const { address } = await registryWith({ ...tls, rejectUnauthorized: true });
    const certificates = {
      [`certs.d/${address}/ca.crt`]: authority.cert,
      [`certs.d/${address}/client.cert`]: client.cert,
      [`certs.d/${address}/client.key`]: client.key,
    };
    const whole = await pull(await home(certificates), `${address}/app:1`);
    expect([whole.code, whole.stderr]).toEqual([0, expect.stringContaining("1 layer")]);
    const withoutClient = { [`certs.d/${address}/ca.crt`]: authority.cert };
    expect((await pull(await home(withoutClient), `${address}/app:1`)).code).toBe(6);
    expect((await pull(await home({}), `${address}/app:1`)).stderr).toContain("not trusted");
  });

  it("is pulled from by a hosts.toml that names them, by name in place of port", async () => {
    const authority = createAuthority();
    const client = authority.issue({ client: true });
    const tls = { ...authority.issue(), ca: authority.cert, requestCert: true };
    const { address, port } = await registryWith({ ...tls, rejectUnauthorized: true });
    const folder = await home({
      [`certs.d/127.0.0.1_${port}_/hosts.toml`]: 'ca = "../ca.pem"\nclient = "client.pem"\n',
      [`certs.d/127.0.0.1_${port}_/client.pem`]: `${client.cert}${client.key}`,
      "certs.d/ca.pem": authority.cert,
    });
    expect((await pull(folder, `${address}/app:1`)).code).toBe(0);
  });
});

describe("lading.toml", () => {
  it("moves a registry to where it is, below a path, with a header of its own", async () => {
    const registry = await registryWith();
    const folder = await home({
      "lading.toml": `[registry."moved.example"]
server = "http://${registry.address}"
headers = { x-team = "a" }
`,
    });
    const { code, stderr } = await pull(folder, "moved.example/app:1");
    expect([code, stderr]).toEqual([0, expect.anything()]);
    expect(registry.received.every(({ headers }) => headers["x-team"] === "a")).toBe(true);
  });

  it("asks a mirror for content, and the registry for the tag", async () => {
    const registry = await registryWith();
    const mirror = await registryWith();
    const folder = await home({
      "lading.toml": `[[registry."${registry.address}".mirror]]\nurl = "http://${mirror.address}"\n`,
    });
    expect((await pull(folder, `${registry.address}/app:1`)).code).toBe(0);
    const asked = (of: ScriptedRegistry) =>
      of.received.map(({ method, path }) => `${method} ${path.split("?")[0]}`);
    expect(asked(registry)).toEqual(["HEAD /v2/app/manifests/1"]);
    expect(asked(mirror).every((line) => line.includes("sha256:"))).toBe(true);
  });
});

describe("the system's authorities", () => {
  it("are read when TLS is about to be spoken, and not before", async () => {
    const authority = createAuthority();
    const secure = await registryWith(authority.issue());
    const plain = await registryWith();
    const folder = await home({ "none.pem": "", "ca.pem": authority.cert });
    // Had it been read, it would have been an error.
    const none = { SSL_CERT_FILE: join(folder, "none.pem") };
    const inTheOpen = await lading(["manifest", "--plain-http", `${plain.address}/app:1`], {
      home: folder,
      env: none,
    });
    expect([inTheOpen.code, inTheOpen.stderr]).toEqual([0, ""]);
    expect((await pull(folder, `${secure.address}/app:1`, none)).stderr).toContain("SSL_CERT_FILE");
    const some = { SSL_CERT_FILE: join(folder, "ca.pem") };
    expect((await pull(folder, `${secure.address}/app:1`, some)).code).toBe(0);
  });
});
