import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import { randomImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { createAuthority } from "../registry/certificates.ts";
import { pemFiles } from "../registry/client-rig.ts";
import { TestProxy } from "../registry/proxy.ts";
import { redirectTo, ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";

const SECRET = "hunter2-of-the-proxy";

describe("a pull", () => {
  it("through a company's proxy, with its authority and a client certificate, from a CDN", async () => {
    const authority = createAuthority();
    const names = ["registry.example", "auth.example", "cdn.example"];
    await using registry = await ScriptedRegistry.start({
      tls: {
        ...authority.issue({ names }),
        ca: authority.cert,
        requestCert: true,
        rejectUnauthorized: false,
      },
    });
    await using proxy = await TestProxy.start({
      account: { username: "me", password: SECRET },
      resolve: () => ({ host: "127.0.0.1", port: registry.port }),
    });
    const image = randomImage(registry.content, { seed: 1, layers: 2, files: 1, fileSize: 5000 });
    registry.content.tag("app:1", image.descriptor);
    registry.challenge = 'Bearer realm="https://auth.example/token",service="s"';
    registry.on("GET /token", status(200, {}, JSON.stringify({ token: "t" })), 9);
    for (const layer of image.layers) {
      const bytes = registry.content.blobs.get(layer.digest);
      registry.on(
        `GET /v2/app/blobs/${layer.digest}`,
        redirectTo(`https://cdn.example/${layer.digest}`),
        9,
      );
      registry.on(`GET /${layer.digest}`, ({ response }) => void response.end(bytes), 9);
    }
    const config = await settingsFile(authority, proxy.url);
    const events: LadingEvent[] = [];
    const credentials = hostCredentials({
      "registry.example": { kind: "basic", username: "user", password: "password" },
    });
    await using lading = await open({ root: await temporaryFolder(), config, credentials });
    const pulled = await lading.pull("registry.example/app:1", {
      onEvent: (event) => events.push(event),
    });
    expect(pulled.digest).toBe(image.descriptor.digest);

    const clients = (path: RegExp): unknown[] => [
      ...new Set(registry.received.filter((one) => path.test(one.path)).map((one) => one.client)),
    ];
    expect(clients(/^\/v2\//)).toEqual(["me"]);
    expect(clients(/^\/token/)).toEqual([undefined]);
    expect(clients(/^\/sha256/)).toEqual([undefined]);
    expect(new Set(proxy.asked)).toEqual(new Set(names.map((name) => `CONNECT ${name}:443`)));
    expect(JSON.stringify(events)).not.toContain(SECRET);
    expect(JSON.stringify(registry.received)).not.toMatch(/proxy-authorization/i);
  });

  it("in http from another machine is said aloud once, from this one it is not", async () => {
    await using registry = await ScriptedRegistry.start();
    const image = randomImage(registry.content, { seed: 1, layers: 1, files: 1, fileSize: 100 });
    registry.content.tag("app:1", image.descriptor);
    const far = `registry.example:${registry.port}`;
    await using lading = await open({
      root: await temporaryFolder(),
      config: false,
      plainHttp: [far, registry.address],
      transport: { lookup: async () => [{ address: "127.0.0.1", family: 4 }] },
    });
    const warnings = async (reference: string): Promise<string[]> => {
      const codes: string[] = [];
      await lading.pull(reference, {
        onEvent: (event) => void (event.type === "warning" && codes.push(event.code)),
      });
      return codes;
    };
    expect(await warnings(`${registry.address}/app:1`)).toEqual([]);
    expect(await warnings(`${far}/app:1`)).toEqual(["plain-http"]);
    expect(await warnings(`${far}/app:1`)).toEqual([]);
  });
});

/** lading.toml of a company: one authority for everybody, a client certificate for the registry. */
async function settingsFile(
  authority: ReturnType<typeof createAuthority>,
  proxy: string,
): Promise<string> {
  const { cert, key } = authority.issue({ client: true, subject: "me" });
  const files = await pemFiles({ ca: authority.cert, cert, key });
  const path = join(await temporaryFolder(), "lading.toml");
  await writeFile(
    path,
    [
      "[defaults]",
      `proxy = "${proxy}"`,
      `ca = ["${files.ca}"]`,
      '[registry."registry.example"]',
      `client = [{ cert = "${files.cert}", key = "${files.key}" }]`,
    ].join("\n"),
  );
  return path;
}
