import { describe, expect, it } from "vitest";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import { createAuthority } from "../registry/certificates.ts";
import { blobIn, clientFor, pemFiles, readBlob } from "../registry/client-rig.ts";
import { redirectTo, ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { settingsFor } from "../registry/settings.ts";

describe("a connection is used again", () => {
  const authority = createAuthority();

  it("after each redirect, at the registry and at the CDN", async () => {
    await using registry = await ScriptedRegistry.start({ tls: authority.issue() });
    await using cdn = await ScriptedRegistry.start({ tls: authority.issue() });
    registry.on("GET /v2/app/blobs/", redirectTo(`https://${cdn.address}/blob`), 99);
    cdn.on("GET /blob", ({ response }) => void response.end("a blob"), 99);
    const { ca } = await pemFiles({ ca: authority.cert });
    const tls = { ca: [ca] };
    const settings = settingsFor({ [registry.address]: { tls }, [cdn.address]: { tls } });
    await using client = clientFor({ settings });
    for (let turn = 0; turn < 5; turn += 1) {
      const blob = blobIn(registry, `blob ${turn}`);
      expect(await readBlob(client, registry.address, blob)).toBe("a blob");
    }
    expect(registry.received).toHaveLength(5);
    expect(cdn.received).toHaveLength(5);
    expect(registry.connections).toBe(1);
    expect(cdn.connections).toBe(1);
  });

  it("after a challenge", async () => {
    await using registry = await ScriptedRegistry.start();
    registry.challenge = 'Basic realm="r"';
    const credentials = hostCredentials({
      [registry.address]: { kind: "basic", username: "me", password: "secret" },
    });
    await using client = clientFor({ credentials, plainHttp: [registry.address] });
    expect(await readBlob(client, registry.address, blobIn(registry))).toBe("a blob");
    expect(registry.received).toHaveLength(2);
    expect(registry.connections).toBe(1);
  });

  it("but not for a body that is long: hanging up is cheaper than reading it", async () => {
    await using registry = await ScriptedRegistry.start();
    const page = "x".repeat(1024 * 1024);
    const blob = blobIn(registry);
    registry
      .on(
        "GET /v2/app/blobs/",
        status(307, { location: "/blob", "content-length": String(page.length) }, page),
      )
      .on("GET /blob", ({ response }) => void response.end("a blob"));
    await using client = clientFor({ plainHttp: [registry.address] });
    expect(await readBlob(client, registry.address, blob)).toBe("a blob");
    expect(registry.connections).toBe(2);
  });

  it("and a redirect whose body never comes is followed all the same", async () => {
    await using registry = await ScriptedRegistry.start();
    const blob = blobIn(registry);
    registry
      .on("GET /v2/app/blobs/", ({ response }) => {
        response.writeHead(307, { location: "/blob", "content-length": "10" }).flushHeaders();
      })
      .on("GET /blob", ({ response }) => void response.end("a blob"));
    await using client = clientFor({ plainHttp: [registry.address] });
    expect(await readBlob(client, registry.address, blob)).toBe("a blob");
  });
});
