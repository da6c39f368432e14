import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openStore } from "../../src/store/local-store.ts";
import {
  createRegistry,
  makeIndex,
  randomImage,
  type TestRegistry,
  validateImage,
} from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import { temporaryFolder } from "../temporary.ts";

describe("pull", () => {
  let registry: TestRegistry;
  let lading: Lading;
  let root: string;
  beforeEach(async () => {
    registry = await createRegistry();
    root = await temporaryFolder();
    lading = await open({ root });
  });
  afterEach(async () => {
    await lading.close();
    await registry.close();
  });

  it("brings an image into the store, whole and verified", async () => {
    const made = randomImage(registry.content, { seed: 1, layers: 3 });
    registry.content.tag("app:1", made.descriptor);
    const pulled = await lading.pull(`${registry.address}/app:1`);
    expect(pulled).toMatchObject({
      reference: `${registry.address}/app:1`,
      digest: made.descriptor.digest,
      upToDate: false,
      images: [{ platform: { os: "linux", architecture: "amd64" } }],
    });
    expect(pulled.images[0]?.layers.map(({ descriptor }) => descriptor.digest)).toEqual(
      made.layers.map(({ digest }) => digest),
    );
    expect(pulled.images[0]?.layers.map(({ diffId }) => diffId)).toEqual(made.diffIds);
    await using store = await openStore({ root });
    const { images } = await validateImage(store, made.descriptor);
    expect(images).toBe(1);
  });

  it("costs one request when nothing moved, and none with the policy missing", async () => {
    registry.content.tag("app:1", randomImage(registry.content, { seed: 2 }).descriptor);
    const reference = `${registry.address}/app:1`;
    await lading.pull(reference);
    const before = registry.requests.length;
    const again = await lading.pull(reference);
    expect(again).toMatchObject({ upToDate: true, transferred: 0, requests: 1 });
    expect(registry.requests.slice(before)).toEqual(["HEAD /v2/app/manifests/1 200"]);
    const missing = await lading.pull(reference, { policy: "missing" });
    expect(missing).toMatchObject({ upToDate: true, requests: 0 });
  });

  it("never asks the registry with the policy never", async () => {
    const reference = `${registry.address}/app:1`;
    await expect(lading.pull(reference, { policy: "never" })).rejects.toMatchObject({
      code: "not-found",
    });
    expect(registry.requests).toEqual([]);
  });

  it("asks for nothing when a digest names what is there", async () => {
    const made = randomImage(registry.content, { seed: 3 });
    registry.content.tag("app:1", made.descriptor);
    const reference = `${registry.address}/app@${made.descriptor.digest}`;
    await lading.pull(reference);
    expect(await lading.pull(reference)).toMatchObject({ requests: 0, upToDate: true });
  });

  it("chooses the platform, skips attestations, and keeps the index as it came", async () => {
    const { content } = registry;
    const amd64 = randomImage(content, { seed: 4 });
    const arm64 = randomImage(content, {
      seed: 5,
      platform: { os: "linux", architecture: "arm64" },
    });
    const index = makeIndex(
      content,
      [
        { descriptor: amd64.descriptor, platform: { os: "linux", architecture: "amd64" } },
        {
          descriptor: arm64.descriptor,
          platform: { os: "linux", architecture: "arm64", variant: "v8" },
        },
      ],
      { attestations: true },
    );
    content.tag("multi:1", index);
    const reference = `${registry.address}/multi:1`;
    const one = await lading.pull(reference, { platform: "linux/arm64/v8" });
    expect(one.digest).toBe(index.digest);
    expect(one.images.map(({ manifest }) => manifest.digest)).toEqual([arm64.descriptor.digest]);
    const all = await lading.pull(reference, { allPlatforms: true });
    expect(all.images.map(({ manifest }) => manifest.digest)).toEqual([
      amd64.descriptor.digest,
      arm64.descriptor.digest,
    ]);
    expect(await lading.pull(reference, { allPlatforms: true })).toMatchObject({
      upToDate: true,
      requests: 1,
    });
    const [stored] = await lading.images();
    expect(stored?.manifests.map(({ platform }) => platform.architecture)).toEqual([
      "amd64",
      "arm64",
    ]);
  });

  it("lists what there is when no platform fits (faults 30 and 31)", async () => {
    const { content } = registry;
    const windows = { os: "windows", architecture: "amd64" };
    const made = randomImage(content, { seed: 6, platform: windows });
    content.tag("win:1", makeIndex(content, [{ descriptor: made.descriptor, platform: windows }]));
    await expect(lading.pull(`${registry.address}/win:1`)).rejects.toMatchObject({
      code: "platform-not-found",
      hint: expect.stringContaining("windows/amd64"),
    });
    content.tag("single:1", made.descriptor);
    await expect(
      lading.pull(`${registry.address}/single:1`, { platform: "linux/arm64" }),
    ).rejects.toMatchObject({ code: "platform-not-found" });
  });

  it("finds an image in a nested index, and one that an index of one names without a platform", async () => {
    const { content } = registry;
    const made = randomImage(content, { seed: 7 });
    const inner = makeIndex(content, [
      { descriptor: made.descriptor, platform: { os: "linux", architecture: "amd64" } },
    ]);
    content.tag("nested:1", makeIndex(content, [{ descriptor: inner }]));
    content.tag("bare:1", makeIndex(content, [{ descriptor: made.descriptor }]));
    for (const name of ["nested:1", "bare:1"]) {
      const pulled = await lading.pull(`${registry.address}/${name}`, { platform: "linux/amd64" });
      expect(pulled.images.map(({ manifest }) => manifest.digest)).toEqual([
        made.descriptor.digest,
      ]);
      expect(
        await lading.pull(`${registry.address}/${name}`, { platform: "linux/amd64" }),
      ).toMatchObject({ upToDate: true });
    }
  });

  it("takes docker's formats, sha512, empty and repeated layers (faults 3 and 28)", async () => {
    const { content } = registry;
    const shape = { layers: 2, emptyLayer: true, repeatLayer: true };
    const docker = randomImage(content, { seed: 8, format: "docker", ...shape });
    const long = randomImage(content, { seed: 9, algorithm: "sha512", ...shape });
    content.tag("docker:1", docker.descriptor);
    content.tag("long:1", long.descriptor);
    for (const [name, made] of [
      ["docker:1", docker],
      ["long:1", long],
    ] as const) {
      const pulled = await lading.pull(`${registry.address}/${name}`);
      expect(pulled.images[0]?.layers.map(({ diffId }) => diffId)).toEqual(made.diffIds);
    }
    const images = await lading.images();
    for (const image of images) {
      const digests = image.manifests[0]?.layers.map(({ descriptor }) => descriptor.digest);
      expect(digests).toHaveLength(4);
      expect(digests?.[0]).toBe(digests?.[3]);
    }
  });

  it("takes the content that a descriptor holds itself, with no request for it", async () => {
    const { content } = registry;
    const made = randomImage(content, { seed: 41 });
    const bytes = Buffer.from(content.blobs.get(made.config.digest) ?? []);
    const config = { ...made.config, data: bytes.toString("base64") };
    const mediaType = made.descriptor.mediaType;
    const manifest = { schemaVersion: 2, mediaType, config, layers: made.layers };
    content.tag("data:1", content.addManifest(mediaType, manifest));
    content.blobs.delete(made.config.digest);
    const pulled = await lading.pull(`${registry.address}/data:1`);
    expect(pulled.images[0]?.config.digest).toBe(made.config.digest);
    expect(registry.requests.some((line) => line.includes(made.config.digest))).toBe(false);
  });

  it("moves the name when a tag moves, and never mixes layers (fault 2)", async () => {
    const { content } = registry;
    const old = randomImage(content, { seed: 10 });
    const fresh = randomImage(content, { seed: 11 });
    content.tag("app:latest", old.descriptor);
    await lading.pull(`${registry.address}/app`);
    content.tag("app:latest", fresh.descriptor);
    const moved = await lading.pull(`${registry.address}/app`);
    expect(moved).toMatchObject({ digest: fresh.descriptor.digest, upToDate: false });
    const images = await lading.images();
    expect(images).toHaveLength(1);
    expect(images[0]?.manifests[0]?.layers.map(({ descriptor }) => descriptor.digest)).toEqual(
      fresh.layers.map(({ digest }) => digest),
    );
  });

  it("transfers each blob once when many pull the same at one time (origin 4.2, fault 27)", async () => {
    registry.content.tag("app:1", randomImage(registry.content, { seed: 12 }).descriptor);
    const others = await Promise.all(Array.from({ length: 4 }, () => open({ root })));
    const pulls = [lading, ...others].map((each) => each.pull(`${registry.address}/app:1`));
    await Promise.all(pulls);
    const blobs = registry.requests.filter((request) => request.startsWith("GET /v2/app/blobs/"));
    expect(new Set(blobs).size).toBe(3);
    expect(blobs.filter((request) => request.includes(parseLayer(registry)))).toHaveLength(1);
    await Promise.all(others.map((each) => each.close()));
  });

  it("tells of everything in one stream of events", async () => {
    const made = randomImage(registry.content, { seed: 13 });
    registry.content.tag("app:1", made.descriptor);
    const events: LadingEvent[] = [];
    await lading.pull(`${registry.address}/app:1`, { onEvent: (event) => events.push(event) });
    const types = events
      .filter(({ type }) => type !== "request" && type !== "bytes")
      .map(({ type }) => type);
    expect(types[0]).toBe("resolving");
    expect(types[1]).toBe("resolved");
    expect(types).toContain("planned");
    expect(types.filter((type) => type === "verified")).toHaveLength(4);
    expect(types.at(-1)).toBe("done");
  });

  it("says that a tag or a repository is not there, and how to look", async () => {
    await expect(lading.pull(`${registry.address}/nothing:1`)).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringContaining("lading tags"),
      context: { reference: `${registry.address}/nothing:1`, status: 404 },
    });
  });

  it("refuses what is no reference", async () => {
    await expect(lading.pull("UPPER/Case")).rejects.toMatchObject({ code: "invalid-reference" });
  });

  it("leaves the store as it was when aborted", async () => {
    registry.content.tag("app:1", randomImage(registry.content, { seed: 14 }).descriptor);
    const pulled = lading.pull(`${registry.address}/app:1`, { signal: AbortSignal.abort() });
    await expect(pulled).rejects.toMatchObject({ code: "aborted" });
    expect(await lading.images()).toEqual([]);
  });

  it("keeps its result from collection until the process or the lease ends", async () => {
    const { content } = registry;
    content.tag("app:1", randomImage(content, { seed: 15 }).descriptor);
    const { reference, lease } = await lading.pull(`${registry.address}/app:1`);
    await lading.remove(reference);
    expect((await lading.collect()).blobs).toEqual([]);
    await lease?.release();
    expect((await lading.collect()).blobs).toHaveLength(4);
    expect((await lading.verify()).blobs).toBe(0);
  });
});

function parseLayer({ content }: TestRegistry): string {
  const largest = [...content.blobs].sort(([, a], [, b]) => b.length - a.length)[0]?.[0] ?? "";
  return parseReference(`localhost/app@${largest}`).digest ?? "";
}
