import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../src/content/memory.ts";
import type { OpenRange, Sink } from "../../src/content/port.ts";
import { readVerified } from "../../src/content/transfer/read.ts";
import { streamSpan } from "../../src/content/transfer/stream.ts";
import { transfer } from "../../src/content/transfer/transfer.ts";
import { describeBytes } from "../contract/content-store.ts";

const good = new Uint8Array(1000).map((_, index) => index & 255);
const bad = good.slice().reverse();
const descriptor = describeBytes(good);

describe("content from one of several places", () => {
  it("that is wrong is fetched from the next, as often as there is one", async () => {
    const source = places([bad, bad, bad, good]);
    const store = new MemoryStore();
    await transfer(source, store, descriptor, { role: "layer" });
    expect(source.opened).toEqual([0, 1, 2, 3]);
    expect(await store.has(descriptor)).toBe(true);
  });

  it("that is too long is fetched from the next", async () => {
    const source = places([Buffer.concat([good, good]), good]);
    await transfer(source, new MemoryStore(), descriptor, { role: "layer" });
    expect(source.opened).toEqual([0, 1]);
  });

  it("that is wrong in the last place too is asked for there once more, and no oftener", async () => {
    const source = places([bad, bad]);
    const moved = transfer(source, new MemoryStore(), descriptor, { role: "layer" });
    await expect(moved).rejects.toMatchObject({ code: "verification-failed" });
    expect(source.opened).toEqual([0, 1, 1]);
  });

  it("after a part that was wrong blames nobody", async () => {
    const source = places([good, good]);
    const store = new MemoryStore();
    const part = await store.ingest(descriptor);
    await part?.writeAt(0, bad.subarray(0, 600));
    await part?.abort({ keep: true });
    await transfer(source, store, descriptor, { role: "layer" });
    expect(source.opened).toEqual([0, 0]);
  });

  it("is read whole from the first that tells the truth", async () => {
    const source = places([bad, good]);
    expect(await readVerified(source, descriptor, 1000)).toEqual(good);
    await expect(readVerified(places([bad, bad]), descriptor, 1000)).rejects.toMatchObject({
      code: "verification-failed",
    });
  });

  it("that passed already can't be taken back, but is not asked for there again", async () => {
    const source = places([bad, good]);
    const whole = { start: 0, end: descriptor.size };
    const read = async (): Promise<number> => {
      let length = 0;
      for await (const chunk of streamSpan(source, descriptor, whole)) length += chunk.length;
      return length;
    };
    await expect(read()).rejects.toMatchObject({ code: "verification-failed" });
    expect(await read()).toBe(1000);
  });
});

/** A source that goes on to its next place when it is told that one lies, as long as there is one. */
function places(contents: readonly Uint8Array[]) {
  const opened: number[] = [];
  let at = 0;
  return {
    opened,
    async open(_: unknown, { offset }: OpenRange) {
      opened.push(at);
      const bytes = contents[at] ?? new Uint8Array();
      return {
        offset,
        ranged: true,
        read: async (sink: Sink): Promise<void> => void (await sink(bytes.subarray(offset))),
        cancel() {},
      };
    },
    distrust(): boolean {
      if (at === contents.length - 1) return false;
      at += 1;
      return true;
    },
  };
}
