import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LadingEvent } from "../../src/content/events.ts";
import type { ContentStore, Ingest, OpenContent } from "../../src/content/port.ts";
import { putBytes, transfer } from "../../src/content/transfer/transfer.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { type DigestAlgorithm, parseDigest } from "../../src/oci/digest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";

export interface StoreUnderTest {
  readonly store: ContentStore;
  dispose(): Promise<void>;
}

/** What every content store must do, whatever it keeps its bytes in. */
export function contentStoreContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name}, as a content store`, () => {
    let under: StoreUnderTest;
    let store: ContentStore;
    beforeEach(async () => {
      under = await make();
      store = under.store;
    });
    afterEach(() => under.dispose());

    it("gives back what was put in, whole and in parts", async () => {
      const bytes = text("the quick brown fox");
      const descriptor = describeBytes(bytes);
      await putBytes(store, descriptor, bytes, { role: "other", transferred: 0 });
      expect(await store.has(descriptor)).toBe(true);
      expect(await readAll(await store.open(descriptor, { offset: 0 }))).toEqual(bytes);
      expect(await readAll(await store.open(descriptor, { offset: 4, length: 5 }))).toEqual(
        text("quick"),
      );
      expect(await readAll(await store.open(descriptor, { offset: 16 }))).toEqual(text("fox"));
    });

    it.each(["sha256", "sha384", "sha512"] as const)("keeps content by %s", async (algorithm) => {
      const bytes = text(algorithm);
      const descriptor = describeBytes(bytes, algorithm);
      await putBytes(store, descriptor, bytes, { role: "other", transferred: 0 });
      expect(await store.has(descriptor)).toBe(true);
    });

    it("keeps empty content", async () => {
      const descriptor = describeBytes(new Uint8Array(0));
      await putBytes(store, descriptor, new Uint8Array(0), { role: "other", transferred: 0 });
      expect(await store.has(descriptor)).toBe(true);
      expect(await readAll(await store.open(descriptor, { offset: 0 }))).toHaveLength(0);
    });

    it("has nothing until it is committed", async () => {
      const bytes = text("not yet");
      const descriptor = describeBytes(bytes);
      const ingest = await begun(store, descriptor);
      await ingest.writeAt(0, bytes);
      expect(await store.has(descriptor)).toBe(false);
      await expect(store.open(descriptor, { offset: 0 })).rejects.toMatchObject({
        code: "not-found",
      });
      await ingest.commit();
      expect(await store.has(descriptor)).toBe(true);
    });

    it("does not take content of another size for the one that is asked for", async () => {
      const bytes = text("sized");
      const descriptor = describeBytes(bytes);
      await putBytes(store, descriptor, bytes, { role: "other", transferred: 0 });
      expect(await store.has({ ...descriptor, size: bytes.length + 1 })).toBe(false);
    });

    it("holds the part of an aborted ingest for the next one", async () => {
      const bytes = text("0123456789");
      const descriptor = describeBytes(bytes);
      const first = await begun(store, descriptor);
      await first.writeAt(0, bytes.subarray(0, 4));
      await first.abort({ keep: true });
      const second = await begun(store, descriptor);
      expect(second.held).toEqual([{ start: 0, end: 4 }]);
      expect(second.watermark.contiguous).toBe(4);
      await second.writeAt(4, bytes.subarray(4));
      await second.commit();
      expect(await readAll(await store.open(descriptor, { offset: 0 }))).toEqual(bytes);
    });

    it("forgets the part of an ingest that is thrown away", async () => {
      const bytes = text("rubbish");
      const descriptor = describeBytes(bytes);
      const first = await begun(store, descriptor);
      await first.writeAt(0, bytes);
      await first.abort({ keep: false });
      const second = await begun(store, descriptor);
      expect(second.held).toEqual([]);
      await second.abort({ keep: false });
    });

    it("starts a new generation at zero when an ingest is restarted", async () => {
      const bytes = text("generation");
      const descriptor = describeBytes(bytes);
      const ingest = await begun(store, descriptor);
      await ingest.writeAt(0, text("wrong"));
      const before = ingest.watermark.generation;
      await ingest.restart();
      expect(ingest.watermark.generation).toBe(before + 1);
      expect(ingest.watermark.contiguous).toBe(0);
      await ingest.writeAt(0, bytes);
      await ingest.commit();
      expect(await readAll(await store.open(descriptor, { offset: 0 }))).toEqual(bytes);
    });

    it("lets bytes be written ahead, and moves the watermark only without a gap", async () => {
      const bytes = text("abcdef");
      const descriptor = describeBytes(bytes);
      const ingest = await begun(store, descriptor);
      if (!ingest.randomAccess) return ingest.abort({ keep: false });
      await ingest.writeAt(3, bytes.subarray(3));
      expect(ingest.watermark.contiguous).toBe(0);
      await ingest.writeAt(0, bytes.subarray(0, 3));
      expect(ingest.watermark.contiguous).toBe(6);
      const back: number[] = [];
      await ingest.readBack({ start: 1, end: 5 }, (chunk) => void back.push(...chunk));
      expect(Uint8Array.from(back)).toEqual(bytes.subarray(1, 5));
      await ingest.commit();
      expect(ingest.watermark.state).toBe("complete");
    });

    it("gives the right to one at a time; those who wait find the content there", async () => {
      const bytes = text("only once");
      const descriptor = describeBytes(bytes);
      const first = await begun(store, descriptor);
      const events: LadingEvent[] = [];
      const waited = deferred();
      const second = store.ingest(descriptor, {
        onEvent: (event) => {
          events.push(event);
          if (event.type === "waiting") waited.resolve();
        },
      });
      await waited.promise;
      await first.writeAt(0, bytes);
      await first.commit();
      expect(await second).toBeUndefined();
      expect(events).toMatchObject([
        { type: "waiting", why: { kind: "same-download", digest: descriptor.digest } },
      ]);
    });

    it("passes the right and the part on when the holder fails", async () => {
      const bytes = text("pass it on");
      const descriptor = describeBytes(bytes);
      const first = await begun(store, descriptor);
      await first.writeAt(0, bytes.subarray(0, 5));
      const second = store.ingest(descriptor);
      await first.abort({ keep: true });
      const heir = await second;
      expect(heir?.held).toEqual([{ start: 0, end: 5 }]);
      await heir?.abort({ keep: false });
    });

    it("lets one who waits give up without harm to the others", async () => {
      const bytes = text("patience");
      const descriptor = describeBytes(bytes);
      const first = await begun(store, descriptor);
      const stop = new AbortController();
      const waiting = store.ingest(descriptor, { signal: stop.signal });
      const last = store.ingest(descriptor);
      stop.abort();
      await expect(waiting).rejects.toMatchObject({ code: "aborted" });
      await first.writeAt(0, bytes);
      await first.commit();
      expect(await last).toBeUndefined();
    });

    it("resolves a name to what it was given, and refuses a name for what is not there", async () => {
      const { ociIndex } = mediaTypes;
      const bytes = text(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [] }));
      const descriptor = describeBytes(bytes, "sha256", ociIndex);
      await expect(store.tag("registry.example/app:1", descriptor)).rejects.toMatchObject({
        code: "not-found",
      });
      await putBytes(store, descriptor, bytes, { role: "index", transferred: 0 });
      await store.tag("registry.example/app:1", descriptor);
      expect(await store.resolve("registry.example/app:1")).toMatchObject({
        digest: descriptor.digest,
        size: descriptor.size,
      });
      await expect(store.resolve("registry.example/app:2")).rejects.toMatchObject({
        code: "not-found",
      });
    });

    it("is a source and a target of a verified transfer", async () => {
      const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
      const descriptor = describeBytes(bytes);
      await putBytes(store, descriptor, bytes, { role: "layer", transferred: 0 });
      const other = await make();
      const result = await transfer(store, other.store, descriptor, { role: "layer" });
      expect(result).toEqual({ existed: false, transferred: bytes.length });
      const arrived = await readAll(await other.store.open(descriptor, { offset: 0 }));
      expect(Buffer.from(bytes).equals(arrived)).toBe(true);
      await other.dispose();
    });
  });
}

export function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

export function describeBytes(
  bytes: Uint8Array,
  algorithm: DigestAlgorithm = "sha256",
  mediaType = "application/octet-stream",
): Descriptor {
  const hex = createHash(algorithm).update(bytes).digest("hex");
  return { mediaType, digest: parseDigest(`${algorithm}:${hex}`), size: bytes.length };
}

export async function readAll(content: OpenContent): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await content.read((bytes) => void chunks.push(Uint8Array.from(bytes)));
  return Uint8Array.from(Buffer.concat(chunks));
}

async function begun(store: ContentStore, descriptor: Descriptor): Promise<Ingest> {
  const ingest = await store.ingest(descriptor);
  if (ingest === undefined) throw new Error("the content is there already");
  return ingest;
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
