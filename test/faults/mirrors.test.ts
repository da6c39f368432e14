import { describe, expect, it } from "vitest";
import { type Credential, hostCredentials } from "../../src/registry/auth/credentials.ts";
import { randomImage } from "../../src/testkit/index.ts";
import {
  type Answer,
  endless,
  redirectTo,
  reset,
  type ScriptedRegistry,
  stall,
  status,
  substitute,
  truncate,
  withHeaders,
} from "../registry/scripted-registry.ts";
import { type MirrorRig, mirrorRig } from "./mirror-rig.ts";

const ANYTHING = /./;
const page = substitute(Buffer.from("<html>sign in, please</html>"), {
  "content-type": "text/html",
});

describe("a mirror", () => {
  it("that has everything serves everything by digest, and the registry what a tag is", async () => {
    await using rig = await mirrorRig();
    await rig.pull();
    expect(rig.registry.asked).toEqual(["HEAD /v2/app/manifests/1"]);
    const { config, layers } = rig.image;
    expect(asked(rig.mirrors[0])).toEqual([
      `GET /v2/app/manifests/${rig.image.descriptor.digest}`,
      `GET /v2/app/blobs/${config.digest}`,
      `GET /v2/app/blobs/${layers[0]?.digest}`,
    ]);
  });

  it("is told which registry it stands for, the registry is not", async () => {
    await using rig = await mirrorRig();
    rig.registry.on("HEAD /v2/app/manifests/1", withHeaders({}));
    await rig.pull();
    const ns = `?ns=${encodeURIComponent(rig.registry.address)}`;
    expect(rig.mirrors[0]?.received.every(({ path }) => path.endsWith(ns))).toBe(true);
    expect(rig.registry.received.some(({ path }) => path.includes("ns="))).toBe(false);
  });

  it.each<[string, Answer, string, number | undefined]>([
    ["hangs up", reset, "the connection was reset", 30_000],
    ["answers 401", status(401), "it answered 401", undefined],
    ["answers 403", status(403), "it answered 403", undefined],
    ["answers 404", status(404), "it answered 404", undefined],
    ["answers 429", status(429), "it answered 429", 30_000],
    ["answers 500", status(500), "it answered 500", 30_000],
    ["sends a page", page, "a page", undefined],
    ["redirects to what is no address", redirectTo("file:///etc/passwd"), "no", 30_000],
    ["redirects in circles", redirectTo("/v2/app"), "redirects more than", 30_000],
    ["redirects to what is refused", redirectTo("http://169.254.169.254/"), "169.254", 30_000],
    [
      "wants a token of nobody",
      status(401, { "www-authenticate": 'Bearer realm="x"' }),
      "no web",
      30_000,
    ],
    ["sends headers without end", status(200, { junk: "x".repeat(70_000) }), "64 KiB", 30_000],
  ])("that %s is passed over, and the registry answers", async (_, answer, why, restMs) => {
    await using rig = await mirrorRig();
    rig.mirrors[0]?.on(ANYTHING, answer, 1000);
    await rig.pull();
    expect(rig.registry.asked).toHaveLength(4);
    const [first] = rig.passedOver();
    expect(first?.mirror).toBe(`http://${rig.mirrors[0]?.address}`);
    expect(first?.reason).toContain(why);
    expect(first?.restMs).toBe(restMs);
    expect(rig.slept).toEqual([]);
  });

  it("that is down is passed over, and the registry answers", async () => {
    await using rig = await mirrorRig();
    await rig.mirrors[0]?.[Symbol.asyncDispose]();
    await rig.pull();
    expect(rig.passedOver()).toMatchObject([{ restMs: 30_000 }]);
    expect(rig.passedOver()[0]?.reason).toContain("nothing listens there");
    expect(rig.slept).toEqual([]);
  });

  it("that speaks no TLS where it should is passed over, and never spoken to in http", async () => {
    await using rig = await mirrorRig();
    const { address = "" } = rig.mirrors[0] ?? {};
    await using secure = await mirrorRig({ mirrors: [{ at: `https://${address}/v2/` }] });
    await secure.pull();
    expect(secure.passedOver()[0]?.reason).toContain("does not speak TLS");
    expect(rig.mirrors[0]?.received).toEqual([]);
  });

  it("that never answers is passed over in its time, not in the registry's", async () => {
    await using rig = await mirrorRig({
      mirrors: [{ timeouts: { connectMs: 200, headersMs: 200 } }],
    });
    rig.mirrors[0]?.on(ANYTHING, () => {}, 1000);
    await rig.pull();
    expect(rig.passedOver()).toMatchObject([{ restMs: 30_000 }]);
    expect(rig.passedOver()[0]?.reason).toContain("no answer in time");
  });

  it("that leads round in slow circles has one time for all of it", async () => {
    await using rig = await mirrorRig({
      mirrors: [{ timeouts: { connectMs: 300, headersMs: 300 } }],
    });
    rig.mirrors[0]?.on(
      ANYTHING,
      async ({ response, path }) => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        response.writeHead(307, { location: `${path}x` }).end();
      },
      1000,
    );
    await rig.pull();
    expect(rig.passedOver()[0]?.reason).toContain("no answer in time");
    expect(rig.mirrors[0]?.received.length).toBeLessThan(6);
  });

  it("that is dead is asked once for an image of forty blobs (bottlerocket #4564)", async () => {
    await using rig = await mirrorRig({ layers: 40, layerSize: 100 });
    rig.mirrors[0]?.on(ANYTHING, reset, 1000);
    await rig.pull();
    expect(rig.mirrors[0]?.received).toHaveLength(1);
  });

  it("that was down is probed by one request when its rest is over, and used when it is back", async () => {
    await using rig = await mirrorRig();
    rig.mirrors[0]?.on(ANYTHING, status(500), 1);
    await rig.pull();
    expect(rig.mirrors[0]?.received).toHaveLength(1);
    rig.later(30_000);
    const next = randomImage(rig.registry.content, { seed: 2, layers: 2 });
    rig.registry.content.tag("app:2", next.descriptor);
    for (const { content } of rig.mirrors) randomImage(content, { seed: 2, layers: 2 });
    const before = rig.registry.received.length;
    await rig.pull(`${rig.registry.address}/app:2`);
    expect(rig.registry.asked.slice(before)).toEqual(["HEAD /v2/app/manifests/2"]);
  });

  it("that lacks a layer gives the others", async () => {
    await using rig = await mirrorRig({ layers: 3 });
    const lacked = rig.image.layers[1]?.digest;
    rig.mirrors[0]?.on(`GET /v2/app/blobs/${lacked}`, status(404));
    await rig.pull();
    expect(rig.registry.asked).toEqual(["HEAD /v2/app/manifests/1", `GET /v2/app/blobs/${lacked}`]);
  });

  it("comes after the one before it", async () => {
    await using rig = await mirrorRig({ mirrors: [{}, {}] });
    rig.mirrors[0]?.on(ANYTHING, status(404), 1);
    await rig.pull();
    expect(rig.mirrors.map(({ received }) => received.length)).toEqual([3, 1]);
  });

  it("that says when to come again is left alone until then", async () => {
    await using rig = await mirrorRig();
    rig.mirrors[0]?.on(ANYTHING, status(429, { "retry-after": "50" }), 1000);
    await rig.pull();
    expect(rig.passedOver()).toMatchObject([{ restMs: 50_000 }]);
    expect(rig.slept).toEqual([]);
  });

  it("is no help when the registry fails too, and the error says so", async () => {
    await using rig = await mirrorRig();
    rig.mirrors[0]?.on(ANYTHING, status(403), 1000);
    rig.registry.on("GET /v2/app/manifests/", status(404), 1000);
    await expect(rig.pull()).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringContaining(`${rig.mirrors[0]?.address} (it answered 403)`),
    });
  });

  it("does not make an aborted pull go on elsewhere", async () => {
    await using rig = await mirrorRig();
    const abort = new AbortController();
    rig.mirrors[0]?.on(ANYTHING, () => abort.abort(), 1000);
    const pulled = rig.lading.pull(rig.reference, { signal: abort.signal });
    await expect(pulled).rejects.toMatchObject({ code: "aborted" });
    expect(rig.registry.asked).toEqual(["HEAD /v2/app/manifests/1"]);
  });
});

describe("a mirror that lies", () => {
  const other = (size: number) => substitute(Buffer.alloc(size, "x"));

  it("about a layer is found out, and the layer comes from the next place", async () => {
    await using rig = await mirrorRig({ mirrors: [{}, {}] });
    const layer = layerOf(rig);
    rig.mirrors[0]?.on(layer.get, other(layer.size), 1000);
    await rig.pull();
    await expectWhole(rig);
    expect(asked(rig.mirrors[0]).filter((line) => line === layer.get)).toHaveLength(1);
    expect(asked(rig.mirrors[1])).toEqual([layer.get]);
    expect(rig.passedOver()).toMatchObject([{ restMs: 30_000 }]);
    expect(rig.passedOver()[0]?.reason).toContain("is not sha256:");
  });

  it("as all others do leaves the registry, which says what is true", async () => {
    await using rig = await mirrorRig({ mirrors: [{}, {}] });
    const layer = layerOf(rig);
    for (const mirror of rig.mirrors) mirror.on(layer.get, other(layer.size), 1000);
    await rig.pull();
    await expectWhole(rig);
    expect(rig.registry.asked).toEqual(["HEAD /v2/app/manifests/1", layer.get]);
  });

  it("as the registry does too ends the pull, and nothing of it is kept", async () => {
    await using rig = await mirrorRig();
    const layer = layerOf(rig);
    for (const server of [rig.registry, ...rig.mirrors]) {
      server.on(layer.get, other(layer.size), 1000);
    }
    await expect(rig.pull()).rejects.toMatchObject({ code: "verification-failed" });
  });

  it("about the config is found out, and it comes from the registry", async () => {
    await using rig = await mirrorRig();
    const { digest, size } = rig.image.config;
    rig.mirrors[0]?.on(`GET /v2/app/blobs/${digest}`, other(size), 1000);
    await rig.pull();
    await expectWhole(rig);
    expect(rig.registry.asked).toContain(`GET /v2/app/blobs/${digest}`);
  });

  it("about the manifest is found out, and it comes from the registry", async () => {
    await using rig = await mirrorRig();
    const { digest, size } = rig.image.descriptor;
    rig.mirrors[0]?.on(`GET /v2/app/manifests/${digest}`, other(size), 1000);
    await rig.pull();
    expect(rig.registry.asked).toContain(`GET /v2/app/manifests/${digest}`);
  });

  it.each<[string, Answer]>([
    ["sends less, and says so", substitute(Buffer.alloc(1000))],
    ["sends less, and does not say so", ({ response }) => void response.end(Buffer.alloc(1000))],
    ["sends more", ({ response }) => void response.end(Buffer.alloc(400_000))],
    ["sends without end", endless()],
  ])("in that it %s is found out", async (_, answer) => {
    await using rig = await mirrorRig();
    rig.mirrors[0]?.on(layerOf(rig).get, answer, 1000);
    await rig.pull();
    await expectWhole(rig);
    expect(asked(rig.mirrors[0]).filter((line) => line === layerOf(rig).get)).toHaveLength(1);
  });

  const parallel = { above: 100_000, chunk: 50_000, streams: 3, helpAfterMs: 0 };

  it("about a range is found out, and all of it comes from the registry", async () => {
    await using rig = await mirrorRig({ parallel });
    rig.mirrors[0]?.on(
      layerOf(rig).get,
      ({ response, reply }) => {
        const { status, headers, body } = reply();
        response.writeHead(status, headers).end(Buffer.alloc(body.length, "x"));
      },
      2,
    );
    await rig.pull();
    await expectWhole(rig);
    expect(rig.registry.asked.filter((line) => line === layerOf(rig).get).length).toBeGreaterThan(
      2,
    );
  });

  it("in that it sends a byte of each range does not hold up the pull", async () => {
    await using rig = await mirrorRig({ parallel });
    const short: Answer = ({ request, response, reply }) => {
      const { headers, body } = reply();
      const first = Number(/[0-9]+/.exec(request.headers.range ?? "")?.[0]);
      const total = /[0-9]+$/.exec(headers["content-range"] ?? "")?.[0];
      response.writeHead(206, {
        ...headers,
        "content-length": "1",
        "content-range": `bytes ${first}-${first}/${total}`,
      });
      response.end(body.subarray(0, 1));
    };
    rig.mirrors[0]?.on(layerOf(rig).get, short, 1000);
    await rig.pull();
    await expectWhole(rig);
  });

  it("is told from one that is not to blame for the part of an earlier try that is wrong", async () => {
    await using rig = await mirrorRig();
    const { get } = layerOf(rig);
    rig.mirrors[0]?.on(get, status(404));
    const wrong: Answer = ({ response, reply }) => {
      const { status, headers } = reply();
      response.writeHead(status, headers);
      response.write(Buffer.alloc(200_000, "x"), () => response.destroy());
    };
    rig.registry.on(get, wrong).on(get, reset, 1000);
    await expect(rig.pull()).rejects.toMatchObject({ code: "network" });
    rig.later(60_000);
    rig.events.length = 0;
    const before = rig.registry.received.length;
    await rig.pull();
    await expectWhole(rig);
    expect(rig.passedOver()).toEqual([]);
    expect(rig.registry.asked.slice(before)).toEqual(["HEAD /v2/app/manifests/1"]);
  });
});

describe("a tag", () => {
  const both = [{ capabilities: ["pull", "resolve"] as const }];

  it("is not asked of a mirror that only has pull", async () => {
    await using rig = await mirrorRig();
    await rig.pull();
    expect(asked(rig.mirrors[0]).some((line) => line.endsWith("/manifests/1"))).toBe(false);
  });

  it("of a mirror that may say so is what the mirror says, and the registry is not asked", async () => {
    await using rig = await mirrorRig({ mirrors: both });
    await rig.pull();
    expect(rig.registry.asked).toEqual([]);
    expect(asked(rig.mirrors[0])[0]).toBe("HEAD /v2/app/manifests/1");
  });

  it("of a stale mirror is the stale image", async () => {
    await using rig = await mirrorRig({ mirrors: both });
    const newer = randomImage(rig.registry.content, { seed: 9 });
    rig.registry.content.tag("app:1", newer.descriptor);
    expect((await rig.pull()).digest).toBe(rig.image.descriptor.digest);
  });

  it("of a mirror that names what nobody has is asked of the next", async () => {
    await using rig = await mirrorRig({ mirrors: both });
    const nothing = `sha256:${"0".repeat(64)}`;
    rig.mirrors[0]?.on(
      "HEAD /v2/app/manifests/1",
      withHeaders({ "docker-content-digest": nothing }),
      1000,
    );
    expect((await rig.pull()).digest).toBe(rig.image.descriptor.digest);
    expect(rig.registry.asked).toContain("HEAD /v2/app/manifests/1");
  });

  it.each<[string, Record<string, string | undefined>]>([
    ["no digest", { "docker-content-digest": undefined }],
    ["a digest that is none", { "docker-content-digest": "sha256:abc" }],
    ["no type", { "content-type": "application/octet-stream" }],
  ])("of a mirror that says %s is asked of the next", async (_, headers) => {
    await using rig = await mirrorRig({ mirrors: both });
    rig.mirrors[0]?.on("HEAD /v2/app/manifests/1", withHeaders(headers), 1000);
    expect((await rig.pull()).digest).toBe(rig.image.descriptor.digest);
    expect(rig.registry.asked).toContain("HEAD /v2/app/manifests/1");
  });

  it("has the size of its manifest, whatever a mirror's HEAD says", async () => {
    await using rig = await mirrorRig({ mirrors: both });
    rig.mirrors[0]?.on("HEAD /v2/app/manifests/1", withHeaders({ "content-length": "17" }), 1000);
    await rig.pull();
    await expectWhole(rig);
  });

  it("list is the registry's own", async () => {
    await using rig = await mirrorRig({ mirrors: both });
    rig.registry.on("GET /v2/app/tags/list", ({ response }) => {
      response.end(JSON.stringify({ tags: ["1"] }));
    });
    const tags: string[] = [];
    for await (const tag of rig.lading.tags(`${rig.registry.address}/app`)) tags.push(tag);
    expect(tags).toEqual(["1"]);
    expect(rig.mirrors[0]?.received).toEqual([]);
  });
});

describe("a mirror that breaks in the middle", () => {
  it.each<[string, Answer]>([
    ["hangs up", truncate(200_000)],
    ["stalls", stall(200_000)],
  ])("and %s: the part goes on from the registry", async (_, answer) => {
    await using rig = await mirrorRig({
      mirrors: [{ timeouts: { connectMs: 3000, headersMs: 3000, idleMs: 200 } }],
    });
    const layer = layerOf(rig);
    rig.mirrors[0]?.on(layer.get, answer, 1000);
    await rig.pull();
    await expectWhole(rig);
    const [rest] = rig.registry.received.filter(({ path }) => path.includes(layer.digest));
    expect(rest?.headers.range).toBe("bytes=200000-");
    expect(rig.passedOver()).toMatchObject([{ restMs: 30_000 }]);
    expect(rig.slept).toHaveLength(1);
  });
});

describe("the credentials of a registry", () => {
  const secret: Credential = { kind: "basic", username: "me", password: "secret" };
  const challenge = 'Basic realm="r"';

  async function secured(mirror: { trusted?: boolean }, own?: boolean): Promise<MirrorRig> {
    const hosts: Record<string, Credential> = {};
    const rig = await mirrorRig({
      mirrors: [{ capabilities: ["pull", "resolve"], ...mirror }],
      credentials: { get: (request, options) => hostCredentials(hosts).get(request, options) },
    });
    hosts[rig.registry.address] = secret;
    const { address = "" } = rig.mirrors[0] ?? {};
    if (own) hosts[address] = { kind: "basic", username: "me", password: "own" };
    for (const server of [rig.registry, ...rig.mirrors]) server.challenge = challenge;
    return rig;
  }

  const basic = (password: string): string =>
    `Basic ${Buffer.from(`me:${password}`).toString("base64")}`;

  function seen({ received }: ScriptedRegistry): Set<unknown> {
    return new Set(received.flatMap(({ headers }) => headers.authorization ?? []));
  }

  it("never reach a mirror (containerd #4950)", async () => {
    await using rig = await secured({});
    await rig.pull();
    expect(rig.mirrors[0]?.received.length).toBeGreaterThan(0);
    expect(rig.mirrors.flatMap((mirror) => [...seen(mirror)])).toEqual([]);
    expect(seen(rig.registry)).toEqual(new Set([basic("secret")]));
  });

  it("go to one that is trusted", async () => {
    await using rig = await secured({ trusted: true });
    await rig.pull();
    expect(rig.mirrors.map(seen)).toEqual([new Set([basic("secret")])]);
    expect(rig.registry.received).toEqual([]);
  });

  it("are not the mirror's, which has its own", async () => {
    for (const trusted of [false, true]) {
      await using rig = await secured({ trusted }, true);
      await rig.pull();
      expect(rig.mirrors.map(seen)).toEqual([new Set([basic("own")])]);
    }
  });

  it("are not tried at a trusted mirror when its own are refused", async () => {
    await using rig = await secured({ trusted: true }, true);
    rig.mirrors[0]?.on(ANYTHING, status(401, { "www-authenticate": challenge }), 1000);
    await rig.pull();
    expect(rig.mirrors.map(seen)).toEqual([new Set([basic("own")])]);
  });

  it("do not follow a trusted mirror's redirect", async () => {
    await using elsewhere = await mirrorRig({ mirrors: [] });
    await using rig = await secured({ trusted: true });
    const { get, path } = layerOf(rig);
    const to = redirectTo(`http://${elsewhere.registry.address}${path}`);
    rig.mirrors[0]?.on(get, to, 1000);
    await rig.pull();
    expect(elsewhere.registry.received.length).toBeGreaterThan(0);
    expect(seen(elsewhere.registry)).toEqual(new Set());
  });

  it("are asked for once by a mirror that refuses us, and the repository is not asked for again", async () => {
    await using rig = await secured({});
    await rig.pull();
    expect(rig.mirrors[0]?.received).toHaveLength(1);
  });
});

describe("a redirect of a mirror", () => {
  it("is followed, and remembered for the further ranges of the blob", async () => {
    const parallel = { above: 100_000, chunk: 50_000, streams: 3, helpAfterMs: 0 };
    await using storage = await mirrorRig({ mirrors: [] });
    await using rig = await mirrorRig({ parallel });
    const { get, path } = layerOf(rig);
    const to = `http://${storage.registry.address}${path}`;
    rig.mirrors[0]?.on(get, redirectTo(to), 1000);
    await rig.pull();
    expect(asked(rig.mirrors[0]).filter((line) => line === get)).toHaveLength(1);
    expect(storage.registry.received.length).toBeGreaterThan(2);
    expect(rig.registry.asked).toEqual(["HEAD /v2/app/manifests/1"]);
  });

  it("to storage that breaks is a failure of the mirror", async () => {
    await using storage = await mirrorRig({ mirrors: [] });
    await using rig = await mirrorRig();
    const { get, path } = layerOf(rig);
    rig.mirrors[0]?.on(get, redirectTo(`http://${storage.registry.address}${path}`), 1000);
    storage.registry.on(ANYTHING, truncate(1000), 1000);
    await rig.pull();
    await expectWhole(rig);
    expect(rig.passedOver()).toMatchObject([{ mirror: `http://${rig.mirrors[0]?.address}` }]);
    expect(rig.registry.asked).toContain(get);
  });
});

/** The requests without what a mirror is told beside. */
function asked(server: ScriptedRegistry | undefined): readonly string[] {
  return server?.asked.map((line) => line.replace(/\?ns=.*$/, "")) ?? [];
}

function layerOf({ image }: MirrorRig) {
  const [layer] = image.layers;
  if (layer === undefined) throw new Error("an image without layers");
  const path = `/v2/app/blobs/${layer.digest}`;
  return { digest: layer.digest, size: layer.size, path, get: `GET ${path}` };
}

async function expectWhole({ lading }: MirrorRig): Promise<void> {
  expect(await lading.verify()).toMatchObject({ broken: [] });
}
