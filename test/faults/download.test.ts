import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { digestHex } from "../../src/oci/digest.ts";
import {
  endless,
  ignoreRange,
  reset,
  slow,
  stall,
  status,
  substitute,
  truncate,
  withHeaders,
} from "../registry/scripted-registry.ts";
import { faultRig, layerOf, type Rig } from "./rig.ts";

describe("a download", () => {
  it("is never taken for whole by its size alone (origin 4.2, fault 16)", async () => {
    await using rig = await faultRig();
    const wrong = Buffer.alloc(rig.image.layers[0]?.size ?? 0, 7);
    rig.registry.on(layerOf(rig), substitute(wrong), 2);
    await expect(rig.pull()).rejects.toMatchObject({ code: "verification-failed" });
    expect(await rig.blobs()).not.toContain(digestHex(layer(rig)));
    expect(await readdir(join(rig.root, "ingest"))).toEqual([]);
    await rig.pull();
    expect(await rig.whole()).toBe(true);
  });

  it("starts again when the server ignores the range (fault 17)", async () => {
    await using rig = await faultRig();
    rig.registry.on(layerOf(rig), truncate(200_000)).on(layerOf(rig), ignoreRange);
    await rig.pull();
    expect(await rig.whole()).toBe(true);
  });

  it("throws away a part that is longer than the blob, and one that gets 416 (fault 18)", async () => {
    await using rig = await faultRig();
    const { size } = rig.image.layers[0] ?? { size: 0 };
    const part = join(rig.root, "ingest", `sha256-${digestHex(layer(rig))}.0`);
    await rig.lading.images();
    await writeFile(part, Buffer.alloc(size + 10));
    await writeFile(`${part}.journal`, `[[0,${size + 10}]]\n`);
    await rig.pull();
    expect(await rig.whole()).toBe(true);
  });

  it("starts again from zero after a 416", async () => {
    await using rig = await faultRig();
    rig.registry.on(layerOf(rig), truncate(200_000)).on(layerOf(rig), status(416));
    await rig.pull();
    expect(await rig.whole()).toBe(true);
  });

  it.each([
    ["another start", "bytes 5-299999/300000"],
    ["another total", undefined],
    ["nonsense", "bytes lots"],
  ])("does not take a 206 with %s for the range that was asked", async (_, contentRange) => {
    await using rig = await faultRig();
    const size = rig.image.layers[0]?.size ?? 0;
    const range = contentRange ?? `bytes 200000-${size - 1}/${size + 1}`;
    rig.registry
      .on(layerOf(rig), truncate(200_000))
      .on(layerOf(rig), withHeaders({ "content-range": range }));
    await rig.pull();
    expect(await rig.whole()).toBe(true);
  });

  it("takes a blob of no bytes (fault 19)", async () => {
    await using rig = await faultRig();
    const { content } = rig.registry;
    const empty = content.add("application/vnd.example.empty", new Uint8Array(0));
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const manifest = { schemaVersion: 2, mediaType, config: empty, layers: [empty] };
    content.tag("empty:1", content.addManifest(mediaType, manifest));
    const pulled = await rig.lading.pull(`${rig.registry.address}/empty:1`);
    expect(pulled.upToDate).toBe(false);
    expect(await rig.blobs()).toContain(digestHex(empty.digest));
  });

  it("is resumed by the next process from what the journal holds (fault 20)", async () => {
    await using rig = await faultRig({
      retry: { retries: 0, baseMs: 1, capMs: 1, random: () => 0 },
    });
    rig.registry.on(layerOf(rig), truncate(200_000));
    await expect(rig.pull()).rejects.toMatchObject({ code: "network" });
    await rig.pull();
    const ranges = rig.registry.received.flatMap(({ headers }) => headers.range ?? []);
    expect(ranges).toEqual([expect.stringMatching(/^bytes=[1-9][0-9]{4,5}-$/)]);
    expect(await rig.whole()).toBe(true);
  });

  it("survives resets, stalls and cut bodies, and says what it does (fault 23)", async () => {
    await using rig = await faultRig({ timeouts: { idleMs: 50 } });
    rig.registry
      .on(layerOf(rig), reset)
      .on(layerOf(rig), stall(100_000))
      .on(layerOf(rig), truncate(50_000));
    await rig.pull();
    expect(await rig.whole()).toBe(true);
    const reasons = rig.events.flatMap((event) => (event.type === "retry" ? [event.reason] : []));
    expect(reasons).toHaveLength(3);
    expect(reasons.join()).toMatch(/no byte came/);
  });

  it("waits as long as Retry-After says, in seconds or as a date, and no longer than a minute", async () => {
    await using rig = await faultRig();
    const manifest = "HEAD /v2/app/manifests/1";
    rig.registry
      .on(manifest, status(429, { "retry-after": "3" }))
      .on(manifest, status(503, { "retry-after": "86400" }))
      .on(manifest, status(429, { "retry-after": "880µs" }));
    await rig.pull();
    expect(rig.slept.slice(0, 2)).toEqual([3000, 60_000]);
    const waits = rig.events.filter((event) => event.type === "waiting");
    expect(waits).toMatchObject([
      { why: { kind: "retry-after", ms: 3000 } },
      { why: { kind: "retry-after", ms: 60_000 } },
    ]);
  });

  it("gives up on a registry that stays broken, and says so", async () => {
    await using rig = await faultRig();
    rig.registry.on("HEAD", status(500), 99);
    await expect(rig.pull()).rejects.toMatchObject({
      code: "registry-unavailable",
      context: { status: 500 },
    });
    expect(rig.registry.asked).toHaveLength(6);
  });

  it("ends at the size of its descriptor, however much comes (fault 24)", async () => {
    await using rig = await faultRig();
    rig.registry.on(layerOf(rig), endless(), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code: "verification-failed" });
    expect(await readdir(join(rig.root, "ingest"))).toEqual([]);
  });

  it("refuses negative and impossible sizes before anything moves (fault 24)", async () => {
    for (const size of [-1, 2 ** 53, 1.5, "10"]) {
      await using rig = await faultRig();
      const { content } = rig.registry;
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const layers = [{ ...rig.image.layers[0], size }];
      const manifest = { schemaVersion: 2, mediaType, config: rig.image.config, layers };
      content.tag("bad:1", content.addManifest(mediaType, manifest));
      await expect(rig.lading.pull(`${rig.registry.address}/bad:1`)).rejects.toMatchObject({
        code: "malformed",
      });
      expect(rig.registry.asked.some((line) => line.includes("/blobs/"))).toBe(false);
    }
  });

  it("that fails leaves the image without a name (origin 4.1, fault 4)", async () => {
    await using rig = await faultRig();
    rig.registry.on(layerOf(rig), status(404), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code: "not-found" });
    expect(await rig.lading.images()).toEqual([]);
    await expect(rig.lading.pull(rig.reference, { policy: "never" })).rejects.toMatchObject({
      code: "not-found",
    });
  });

  it("keeps a slow stream that a stalled one would lose", async () => {
    await using rig = await faultRig({ timeouts: { idleMs: 300 } });
    rig.registry.on(layerOf(rig), slow(400_000));
    const started = performance.now();
    await rig.pull();
    // Longer than a stalled one is waited for, and never begun again.
    expect(performance.now() - started).toBeGreaterThan(300);
    expect(rig.events.filter(({ type }) => type === "retry")).toEqual([]);
    expect(rig.registry.asked.filter((line) => line === layerOf(rig))).toHaveLength(1);
  });
});

function layer({ image }: Rig) {
  const [first] = image.layers;
  if (first === undefined) throw new Error("the image has no layer");
  return first.digest;
}
