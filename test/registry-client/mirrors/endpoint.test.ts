import { describe, expect, it } from "vitest";
import { randomImage } from "../../../src/testkit/index.ts";
import { open } from "../../../src/verbs/open.ts";
import { createAuthority } from "../../registry/certificates.ts";
import { pemFiles } from "../../registry/client-rig.ts";
import { mirrored, type TestMirror } from "../../registry/mirrored.ts";
import { ScriptedRegistry } from "../../registry/scripted-registry.ts";
import { temporaryFolder } from "../../temporary.ts";

describe("a mirror is spoken to as its registry's settings say of it:", () => {
  const authority = createAuthority();

  async function rig(more: Partial<TestMirror> = {}) {
    const tls = { ...authority.issue(), ca: authority.cert, requestCert: true };
    const registry = await ScriptedRegistry.start();
    const mirror = await ScriptedRegistry.start({ tls: { ...tls, rejectUnauthorized: false } });
    for (const { content } of [registry, mirror]) {
      content.tag("app:1", randomImage(content, { seed: 1 }).descriptor);
    }
    const at = `https://${mirror.address}/v2/`;
    const settings = mirrored(registry.address, [{ at, ...more }]);
    const lading = await open({ root: await temporaryFolder(), settings });
    return {
      registry,
      mirror,
      pull: () => lading.pull(`${registry.address}/app:1`),
      async [Symbol.asyncDispose]() {
        await lading.close();
        await registry[Symbol.asyncDispose]();
        await mirror[Symbol.asyncDispose]();
      },
    };
  }

  async function files() {
    const { cert, key } = authority.issue({ client: true, subject: "me" });
    return pemFiles({ ca: authority.cert, cert, key });
  }

  it("by its own authority and client certificate, and with its own headers", async () => {
    const { ca, cert, key } = await files();
    await using tested = await rig({
      tls: { ca: [ca], client: [{ cert, key }], skipVerify: false },
      headers: { "x-team": "a" },
    });
    await tested.pull();
    const { registry, mirror } = tested;
    expect(mirror.received.length).toBeGreaterThan(2);
    expect(new Set(mirror.received.map(({ client }) => client))).toEqual(new Set(["me"]));
    expect(mirror.received.every(({ headers }) => headers["x-team"] === "a")).toBe(true);
    expect(registry.received.some(({ headers }) => "x-team" in headers)).toBe(false);
  });

  it("one whose certificate is not trusted is passed over, and sees no request", async () => {
    await using tested = await rig();
    await tested.pull();
    expect(tested.mirror.received).toEqual([]);
    expect(tested.registry.received.length).toBeGreaterThan(2);
  });
});
