import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { blobRedirects } from "../../src/registry/blob-redirects.ts";
import type { HttpRequest, HttpResponse } from "../../src/registry/http/message.ts";
import { ManualClock } from "../manual-clock.ts";

const BLOB = `sha256:${"1".repeat(64)}`;
const CDN = "https://cdn.example/signed?X-Signature=abc";

describe("where a blob was redirected to", () => {
  it("is asked directly for the next range, anonymously, by the address class of who answered", async () => {
    const { ask, sent } = rig();
    await ask();
    await ask();
    expect(sent.map(({ url }) => url.host)).toEqual(["registry.example", "cdn.example"]);
    expect(sent[1]?.scope).toMatchObject({ anonymous: true, reach: "private" });
    expect(sent[1]?.note?.role).toBe("redirect");
  });

  it.each([400, 401, 403, 404, 410])(
    "is forgotten when it answers %i, and the registry asked",
    async (code) => {
      const { ask, sent, direct } = rig();
      await ask();
      direct.status = code;
      expect((await ask()).status).toBe(200);
      expect(sent.map(({ url }) => url.host)).toEqual([
        "registry.example",
        "cdn.example",
        "registry.example",
      ]);
    },
  );

  it.each([416, 429, 503])("is not forgotten when it answers %i", async (code) => {
    const { ask, direct } = rig();
    await ask();
    direct.status = code;
    expect((await ask()).status).toBe(code);
  });

  it("is forgotten when it can't be reached", async () => {
    const { ask, sent, direct } = rig();
    await ask();
    direct.error = new LadingError("network", "gone");
    await expect(ask()).rejects.toThrow("gone");
    await ask();
    expect(sent.at(-1)?.url.host).toBe("registry.example");
  });

  it("is forgotten after ten minutes", async () => {
    const { ask, sent, clock } = rig();
    await ask();
    clock.advance(10 * 60_000);
    await ask();
    expect(sent.map(({ url }) => url.host)).toEqual(["registry.example", "registry.example"]);
  });

  it("is nothing to manifests, lists of tags and other repositories", async () => {
    const { ask, sent } = rig();
    await ask();
    await ask({ url: new URL(`https://registry.example/v2/other/blobs/${BLOB}`) });
    await ask({ url: new URL(`https://registry.example/v2/app/manifests/${BLOB}`) });
    await ask({ url: new URL(`https://registry.example/v2/app/manifests/${BLOB}`) });
    await ask({ method: "HEAD" });
    expect(sent.every(({ url }) => url.host === "registry.example")).toBe(true);
  });
});

function rig() {
  const clock = new ManualClock();
  const sent: HttpRequest[] = [];
  const direct: { status: number; error?: Error } = { status: 206 };
  const body = {
    read: async () => {},
    bytes: async () => new Uint8Array(),
    cancel() {},
    onEnd() {},
  };
  const step = blobRedirects(clock)(async (request): Promise<HttpResponse> => {
    sent.push(request);
    const { url } = request;
    const answer = { headers: {}, asked: url, peer: "private" as const, body };
    if (url.host === "registry.example") return { ...answer, status: 200, url: new URL(CDN) };
    if (direct.error) throw direct.error;
    return { ...answer, status: direct.status, url };
  });
  const ask = (other: Partial<HttpRequest> = {}): Promise<HttpResponse> =>
    step({
      method: "GET",
      url: new URL(`https://registry.example/v2/app/blobs/${BLOB}`),
      headers: {},
      scope: { registry: "registry.example", repository: "app", action: "pull", subject: BLOB },
      operation: {},
      ...other,
    });
  return { clock, sent, direct, ask };
}
