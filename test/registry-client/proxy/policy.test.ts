import { describe, expect, it } from "vitest";
import { proxiedClass, proxiedPeer } from "../../../src/registry/proxy/policy.ts";
import { createAuthority } from "../../registry/certificates.ts";
import { blobIn, clientFor, describeText, pemFiles, readBlob } from "../../registry/client-rig.ts";
import { TestProxy } from "../../registry/proxy.ts";
import { redirectTo, ScriptedRegistry, status } from "../../registry/scripted-registry.ts";

const authority = createAuthority();
const names = ["registry.example", "registry.lan", "auth.lan", "cdn.example", "auth.example"];

/** A registry that the proxy finds under each of those names, over TLS. */
async function behindProxy(trustHosts: readonly string[] = []) {
  const registry = await ScriptedRegistry.start({ tls: authority.issue({ names }) });
  const proxy = await TestProxy.start({
    resolve: () => ({ host: "127.0.0.1", port: registry.port }),
  });
  const { ca } = await pemFiles({ ca: authority.cert });
  const client = clientFor({
    environment: { SSL_CERT_FILE: ca, HTTPS_PROXY: proxy.url },
    trustHosts,
  });
  return {
    registry,
    proxy,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

const INSIDE = [
  "auth.lan",
  "auth.corp.internal",
  "printer.local",
  "auth",
  "localhost",
  "metadata.google.internal",
  "metadata.google.internal.",
  "10.1.2.3",
  "169.254.169.254",
  "2130706433",
  "0x7f.1",
  "[::1]",
  "[::ffff:a9fe:a9fe]",
];

describe("behind a proxy", () => {
  it.each(INSIDE)(
    "a token server at %s is refused for a public registry: the proxy hears nothing of it",
    async (host) => {
      await using rig = await behindProxy();
      rig.registry.challenge = `Bearer realm="https://${host}/token"`;
      await expect(
        readBlob(rig.client, "registry.example", blobIn(rig.registry)),
      ).rejects.toMatchObject({ code: "refused" });
      expect(rig.proxy.asked).toEqual(["CONNECT registry.example:443"]);
    },
  );

  it.each(INSIDE)(
    "a redirect to %s is refused, and the proxy hears nothing of it",
    async (host) => {
      await using rig = await behindProxy();
      const blob = blobIn(rig.registry);
      rig.registry.on("GET /v2/app/blobs/", redirectTo(`https://${host}/blob`));
      await expect(readBlob(rig.client, "registry.example", blob)).rejects.toMatchObject({
        code: "refused",
      });
      expect(rig.proxy.asked).toEqual(["CONNECT registry.example:443"]);
    },
  );

  it("a registry with an internal name may lead to another internal name", async () => {
    await using rig = await behindProxy();
    rig.registry.challenge = 'Bearer realm="https://auth.lan/token"';
    rig.registry.on("GET /token", status(200, {}, JSON.stringify({ token: "t" })));
    expect(await readBlob(rig.client, "registry.lan", blobIn(rig.registry))).toBe("a blob");
    expect(rig.proxy.asked).toEqual(["CONNECT registry.lan:443", "CONNECT auth.lan:443"]);
  });

  it("--trust-host lets an internal name pass, and no metadata service", async () => {
    await using rig = await behindProxy(["auth.lan", "metadata.google.internal"]);
    const blob = blobIn(rig.registry);
    rig.registry.challenge = 'Bearer realm="https://auth.lan/token"';
    rig.registry.on("GET /token", status(200, {}, JSON.stringify({ token: "t" })));
    expect(await readBlob(rig.client, "registry.example", blob)).toBe("a blob");
    rig.registry.on("GET /v2/app/blobs/", redirectTo("https://metadata.google.internal/"));
    await expect(readBlob(rig.client, "registry.example", blob)).rejects.toMatchObject({
      code: "refused",
    });
    expect(rig.proxy.asked).toEqual(["CONNECT registry.example:443", "CONNECT auth.lan:443"]);
  });

  it.each(["169.254.169.254", "metadata.google.internal", "[fe80::1]"])(
    "%s is refused even when you name it",
    async (host) => {
      await using rig = await behindProxy();
      await expect(readBlob(rig.client, host, describeText("x"))).rejects.toMatchObject({
        code: "refused",
      });
      expect(rig.proxy.asked).toEqual([]);
    },
  );

  it("a public name passes: the proxy alone knows its address", async () => {
    await using rig = await behindProxy();
    const blob = blobIn(rig.registry);
    rig.registry.on("GET /v2/app/blobs/", redirectTo("https://cdn.example/blob"));
    rig.registry.on("GET /blob", ({ response }) => void response.end("a blob"));
    expect(await readBlob(rig.client, "registry.example", blob)).toBe("a blob");
    expect(rig.proxy.asked).toEqual(["CONNECT registry.example:443", "CONNECT cdn.example:443"]);
  });

  it("our own loopback is out of reach for whatever the proxy's is", () => {
    expect(proxiedClass("localhost")).toBe("loopback");
    for (const host of ["localhost", "127.0.0.1", "[::1]", "r.localhost"]) {
      expect(proxiedPeer(host)).toBe("private");
    }
  });
});
