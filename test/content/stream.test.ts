import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../src/content/memory.ts";
import type { OpenContent } from "../../src/content/port.ts";
import { streamSpan } from "../../src/content/transfer/stream.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { describeBytes } from "../contract/content-store.ts";

const bytes = new Uint8Array(2_000_000).map((_, index) => (index * 7) & 255);
const descriptor = describeBytes(bytes);

describe("a blob as a stream", () => {
  it("ends well when the whole of it is what its digest names", async () => {
    expect(same(await read(holding(bytes), 0, bytes.length), bytes)).toBe(true);
  });

  it.each([
    ["other bytes", bytes.slice().fill(1, 1_999_999)],
    ["bytes too many", new Uint8Array(2_000_001)],
  ])("ends with an error when the whole of it is %s", async (_, wrong) => {
    await expect(read(holding(wrong), 0, bytes.length).then(() => "read")).rejects.toMatchObject({
      code: "verification-failed",
      context: { digest: descriptor.digest },
    });
  });

  it("of no bytes is verified too", async () => {
    const source = holding(new Uint8Array());
    const empty = { ...descriptor, size: 0 };
    await expect(read(source, 0, 0, empty)).rejects.toMatchObject({ code: "verification-failed" });
  });

  it("is not verified in part: nobody can", async () => {
    const wrong = bytes.slice().fill(1);
    expect(await read(holding(wrong), 1, bytes.length)).toHaveLength(bytes.length - 1);
    expect(await read(holding(wrong), 0, 10)).toHaveLength(10);
  });

  it("waits for its reader without piling up listeners", async () => {
    const counts: number[] = [];
    const source = {
      async open(
        _: Descriptor,
        __: unknown,
        { signal }: { signal?: AbortSignal | undefined } = {},
      ) {
        const opened: OpenContent = {
          offset: 0,
          ranged: true,
          async read(sink) {
            for (let at = 0; at < bytes.length; at += 100_000) {
              await sink(bytes.subarray(at, at + 100_000));
              counts.push(signal === undefined ? 0 : getEventListeners(signal, "abort").length);
            }
          },
          cancel() {},
        };
        return opened;
      },
    };
    expect(same(await read(source, 0, bytes.length), bytes)).toBe(true);
    expect(counts).toHaveLength(20);
    expect(new Set(counts).size).toBe(1);
  });
});

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function holding(content: Uint8Array): MemoryStore {
  const store = new MemoryStore();
  store.put(descriptor.digest, content);
  return store;
}

async function read(
  source: Parameters<typeof streamSpan>[0],
  start: number,
  end: number,
  of: Descriptor = descriptor,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of streamSpan(source, of, { start, end })) {
    chunks.push(chunk);
    // A reader slower than the source: each chunk is waited for.
    await new Promise(setImmediate);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
