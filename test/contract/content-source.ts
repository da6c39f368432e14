import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ContentSource } from "../../src/content/port.ts";
import { readVerified } from "../../src/content/transfer/read.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { describeBytes, readAll, text } from "./content-store.ts";

export interface SourceUnderTest {
  readonly source: ContentSource;
  /** Puts content where the source reads from. */
  put(bytes: Uint8Array, mediaType?: string): Promise<Descriptor>;
  /** Names a manifest that was put; returns the name by which the source knows it. */
  name(descriptor: Descriptor): Promise<string>;
  dispose(): Promise<void>;
}

/** What everything must do that images are read from, near or far. */
export function contentSourceContract(name: string, make: () => Promise<SourceUnderTest>): void {
  describe(`${name}, as a content source`, () => {
    let under: SourceUnderTest;
    beforeEach(async () => {
      under = await make();
    });
    afterEach(() => under.dispose());

    const fox = text("the quick brown fox");

    it("has what is there, and nothing else", async () => {
      const descriptor = await under.put(fox);
      expect(await under.source.has(descriptor)).toBe(true);
      expect(await under.source.has(describeBytes(text("a lazy dog")))).toBe(false);
    });

    it.each([
      [0, undefined, "the quick brown fox"],
      [4, 5, "quick"],
      [16, undefined, "fox"],
      [0, 19, "the quick brown fox"],
      [18, 1, "x"],
    ])("gives the part from %i, %s bytes of it", async (offset, length, expected) => {
      const descriptor = await under.put(fox);
      const opened = await under.source.open(descriptor, { offset, length });
      expect(opened).toMatchObject({ offset, ranged: true });
      expect(await readAll(opened)).toEqual(text(expected));
    });

    it("gives empty content", async () => {
      const descriptor = await under.put(text(""));
      expect(await readVerified(under.source, descriptor, 10)).toHaveLength(0);
    });

    it("gives up what is not read", async () => {
      const descriptor = await under.put(fox);
      const opened = await under.source.open(descriptor, { offset: 0 });
      opened.cancel();
      opened.cancel();
      expect(await readVerified(under.source, descriptor, 100)).toEqual(fox);
    });

    it("says that content is not there", async () => {
      const missing = describeBytes(text("a lazy dog"));
      const reading = async () => readAll(await under.source.open(missing, { offset: 0 }));
      await expect(reading()).rejects.toMatchObject({ code: "not-found" });
      await expect(under.source.resolve("nobody.example/none:1")).rejects.toMatchObject({
        code: expect.stringMatching(/^(not-found|invalid-reference)$/),
      });
    });

    it("resolves a name to the manifest that it was given to", async () => {
      const empty = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };
      const bytes = text(JSON.stringify(empty));
      const descriptor = await under.put(bytes, mediaTypes.ociIndex);
      const name = await under.name(descriptor);
      expect(await under.source.resolve(name)).toMatchObject(descriptor);
    });

    it("does nothing for a signal that has fired", async () => {
      const descriptor = await under.put(fox);
      const options = { signal: AbortSignal.abort() };
      const reading = async () => readVerified(under.source, descriptor, 100, options);
      await expect(reading()).rejects.toMatchObject({ code: "aborted" });
    });
  });
}
