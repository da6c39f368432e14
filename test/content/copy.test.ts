import { describe, expect, it } from "vitest";
import { copy } from "../../src/content/copy.ts";
import type { LadingEvent, OperationOptions } from "../../src/content/events.ts";
import { MemoryStore } from "../../src/content/memory.ts";
import type { Sink } from "../../src/content/port.ts";
import { transfer } from "../../src/content/transfer/transfer.ts";
import { LadingError } from "../../src/errors.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { describeBytes, text } from "../contract/content-store.ts";

describe("a copy", () => {
  it("brings an image's config first, then its layers, and the manifest last", async () => {
    const from = new MemoryStore();
    const image = addImage(from, ["small", "a much larger layer", "medium!"]);
    const { to, published } = recorded();
    await copy(from, to, image.descriptor, { concurrency: 1 });
    expect(published).toEqual(
      [image.config, image.layers[1], image.layers[2], image.layers[0], image.descriptor].map(
        (descriptor) => descriptor?.digest,
      ),
    );
  });

  it("brings every child before its parent, through nested indexes", async () => {
    const from = new MemoryStore();
    const one = addImage(from, ["one"]);
    const two = addImage(from, ["two"]);
    const inner = addIndex(from, [two.descriptor]);
    const outer = addIndex(from, [one.descriptor, inner]);
    const { to, published } = recorded();
    await copy(from, to, outer);
    for (const [child, parent] of [
      [one.descriptor, outer],
      [two.descriptor, inner],
      [inner, outer],
    ] as const) {
      expect(published.indexOf(child.digest)).toBeLessThan(published.indexOf(parent.digest));
    }
  });

  it("moves a layer that stands three times once (origin 4.2, fault 26)", async () => {
    const from = new MemoryStore();
    const image = addImage(from, ["same", "same", "same"]);
    const { to, published } = recorded();
    const result = await copy(from, to, image.descriptor);
    expect(published).toHaveLength(3);
    expect(result.outcomes.get(image.layers[0]?.digest as never)).toBe("copied");
  });

  it("fetches nothing that the target has, manifests included", async () => {
    const from = new MemoryStore();
    const image = addImage(from, ["layer"]);
    const { to } = recorded();
    await copy(from, to, image.descriptor);
    const result = await copy(new MemoryStore(), to, image.descriptor);
    expect(result.transferred).toBe(0);
    expect([...result.outcomes.values()]).toEqual(["existed", "existed", "existed"]);
  });

  it("refuses an image whose layers and diff IDs differ in number before any layer moves (fault 5)", async () => {
    const from = new MemoryStore();
    const image = addImage(from, ["one", "two"], { diffIds: 1 });
    const { to, published } = recorded();
    await expect(copy(from, to, image.descriptor)).rejects.toMatchObject({ code: "malformed" });
    expect(published).toEqual([image.config.digest]);
  });

  it("stops the rest at the first failure and says that one (fault 25)", async () => {
    const from = new MemoryStore();
    const image = addImage(from, ["present"], { missingLayer: true });
    const { to, published } = recorded();
    await expect(copy(from, to, image.descriptor)).rejects.toMatchObject({ code: "not-found" });
    expect(published).not.toContain(image.descriptor.digest);
  });

  it("ends what is under way when one fails, keeps its part, and the next copy goes on from there", async () => {
    const from = new MemoryStore();
    const half = "the first half, ";
    const image = addImage(from, [`${half}and the second`], { missingLayer: true });
    const [layer] = image.layers;
    if (layer === undefined) throw new Error("a layer was made");
    const offsets: number[] = [];
    let halfIsThere: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      halfIsThere = resolve;
    });
    let stopped = false;
    const stalling = Object.assign(Object.create(from), {
      async open(descriptor: Descriptor, range: { offset: number }, options: OperationOptions) {
        const content = await from.open(descriptor, range).catch(async (error: unknown) => {
          // The missing one fails once the other is half-way.
          await begun;
          throw error;
        });
        if (descriptor.digest !== layer.digest) return content;
        offsets.push(range.offset);
        return {
          ...content,
          async read(sink: Sink) {
            await sink(text(half));
            halfIsThere();
            await new Promise((_, reject) => {
              options.signal?.addEventListener("abort", () => {
                stopped = true;
                reject(new LadingError("aborted", "stopped"));
              });
            });
          },
        };
      },
    });
    const { to } = recorded();
    await expect(copy(stalling, to, image.descriptor)).rejects.toMatchObject({ code: "not-found" });
    expect(stopped).toBe(true);
    const left = await to.ingest(layer);
    expect(left?.held).toEqual([{ start: 0, end: half.length }]);
    await left?.abort({ keep: true });

    const rest: number[] = [];
    const whole = Object.assign(Object.create(from), {
      open(descriptor: Descriptor, range: { offset: number }) {
        if (descriptor.digest === layer.digest) rest.push(range.offset);
        return from.open(descriptor, range);
      },
    });
    await transfer(whole, to, layer, { role: "layer" });
    expect([offsets, rest]).toEqual([[0], [half.length]]);
    expect(await to.has(layer)).toBe(true);
  });

  it("leaves out an image that is not wanted, once its config is known, and goes on with others", async () => {
    const from = new MemoryStore();
    const one = addImage(from, ["one"]);
    const two = addImage(from, ["two"]);
    const { to, published } = recorded();
    const index = addIndex(from, [one.descriptor, two.descriptor]);
    const wanted = ({ descriptor }: { descriptor: Descriptor }) =>
      descriptor.digest === two.descriptor.digest;
    await copy(from, to, index, { wanted });
    expect(published).toContain(two.descriptor.digest);
    expect(published).toContain(index.digest);
    for (const { digest } of [one.descriptor, ...one.layers]) {
      expect(published).not.toContain(digest);
    }
  });

  it("takes what a descriptor embeds, when it is what the digest names", async () => {
    const from = new MemoryStore();
    const bytes = text("{}");
    const empty = describeBytes(bytes, "sha256", mediaTypes.ociEmpty);
    const data = Buffer.from(bytes).toString("base64");
    const manifest = addDocument(from, mediaTypes.ociManifest, {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: "application/vnd.example",
      config: { ...empty, data },
      layers: [{ ...empty, data }],
    });
    const { to } = recorded();
    const result = await copy(from, to, manifest);
    expect(await to.has(empty)).toBe(true);
    expect(result.transferred).toBe(manifest.size);
  });

  it("leaves foreign layers out with a warning (fault 29)", async () => {
    const from = new MemoryStore();
    const image = addImage(from, ["here"], { foreign: true });
    const events: LadingEvent[] = [];
    const { to } = recorded();
    const result = await copy(from, to, image.descriptor, {
      onEvent: (event) => events.push(event),
    });
    expect([...result.outcomes.values()]).toContain("skipped");
    expect(events).toContainEqual(expect.objectContaining({ code: "foreign-layer-skipped" }));
  });

  it("refuses indexes nested deeper than anyone needs (GHSA-298f-872v-2rcx)", async () => {
    const from = new MemoryStore();
    let top = addImage(from, ["deep"]).descriptor;
    for (let depth = 0; depth < 12; depth += 1) top = addIndex(from, [top]);
    await expect(copy(from, recorded().to, top)).rejects.toMatchObject({ code: "limit-exceeded" });
  });

  it("does not wait for itself in an index that claims to hold itself", async () => {
    const from = new MemoryStore();
    const name = describeBytes(text("whatever"), "sha256", mediaTypes.ociIndex);
    const bytes = text(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [name] }),
    );
    from.put(name.digest, bytes);
    const self = { ...name, size: bytes.length };
    await expect(copy(from, recorded().to, self)).rejects.toMatchObject({
      code: "verification-failed",
    });
  });

  it("refuses an image of more parts than anyone needs", async () => {
    const from = new MemoryStore();
    let part = 0;
    const indexes = Array.from({ length: 11 }, () =>
      addIndex(
        from,
        Array.from({ length: 9_900 }, () => {
          part += 1;
          const digest = `sha256:${part.toString(16).padStart(64, "0")}` as never;
          return { mediaType: "application/octet-stream", digest, size: 1 };
        }),
      ),
    );
    const top = addIndex(from, indexes);
    const { to } = recorded();
    to.ingest = async () => undefined;
    await expect(copy(from, to, top)).rejects.toMatchObject({
      code: "limit-exceeded",
      context: { digest: expect.stringMatching(/^sha256:0000/) },
    });
  });

  it("keeps to its limit of blobs under way", async () => {
    const from = new MemoryStore();
    const image = addImage(
      from,
      Array.from({ length: 30 }, (_, index) => `layer ${index}`),
    );
    let now = 0;
    let most = 0;
    const counting = Object.assign(Object.create(from), {
      async open(descriptor: Descriptor, range: { offset: number }) {
        now += 1;
        most = Math.max(most, now);
        const content = await from.open(descriptor, range);
        await new Promise((resolve) => setImmediate(resolve));
        now -= 1;
        return content;
      },
    });
    await copy(counting, recorded().to, image.descriptor, { concurrency: 4 });
    expect(most).toBe(4);
  });

  it("ends as aborted when the caller aborts", async () => {
    const from = new MemoryStore();
    const image = addImage(from, ["layer"]);
    const copied = copy(from, recorded().to, image.descriptor, { signal: AbortSignal.abort() });
    await expect(copied).rejects.toMatchObject({ code: "aborted" });
  });
});

function recorded(): { to: MemoryStore; published: string[] } {
  const to = new MemoryStore();
  const published: string[] = [];
  const ingest = to.ingest.bind(to);
  to.ingest = async (descriptor, options) => {
    const begun = await ingest(descriptor, options);
    if (begun === undefined) return undefined;
    return {
      ...begun,
      async commit() {
        await begun.commit();
        published.push(descriptor.digest);
      },
    };
  };
  return { to, published };
}

interface Shape {
  readonly diffIds?: number;
  readonly missingLayer?: boolean;
  readonly foreign?: boolean;
}

function addImage(store: MemoryStore, contents: readonly string[], shape: Shape = {}) {
  const layers = contents.map((content) => addBlob(store, mediaTypes.ociLayer, text(content)));
  if (shape.missingLayer) {
    layers.push(describeBytes(text("nowhere"), "sha256", mediaTypes.ociLayer));
  }
  if (shape.foreign) {
    layers.push(describeBytes(text("far away"), "sha256", mediaTypes.ociForeignLayer));
  }
  const diffIds = layers.slice(0, shape.diffIds).map(({ digest }) => digest);
  const config = addDocument(store, mediaTypes.ociConfig, {
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: diffIds },
  });
  const descriptor = addDocument(store, mediaTypes.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers,
  });
  return { descriptor, config, layers };
}

function addIndex(store: MemoryStore, manifests: readonly Descriptor[]): Descriptor {
  return addDocument(store, mediaTypes.ociIndex, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests,
  });
}

function addDocument(store: MemoryStore, mediaType: string, document: unknown): Descriptor {
  return addBlob(store, mediaType, text(JSON.stringify(document)));
}

function addBlob(store: MemoryStore, mediaType: string, bytes: Uint8Array): Descriptor {
  const descriptor = describeBytes(bytes, "sha256", mediaType);
  store.put(descriptor.digest, bytes);
  return descriptor;
}
