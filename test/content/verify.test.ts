import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Ingest } from "../../src/content/port.ts";
import { addSpan, type Span } from "../../src/content/spans.ts";
import { VerifiedIngest } from "../../src/content/transfer/verify.ts";
import { Watermark } from "../../src/content/watermark.ts";
import { describeBytes } from "../contract/content-store.ts";

const SIZE = 24;
const good = new Uint8Array(SIZE).map((_, index) => index + 1);
const descriptor = describeBytes(good);

/** A file that takes every write, at once or a little later, and says what it published. */
class OpenFile implements Ingest {
  readonly watermark = new Watermark();
  readonly randomAccess = true;
  readonly held: readonly Span[];
  bytes: Uint8Array;
  published: Uint8Array | undefined;
  readonly #late: boolean;

  constructor(left: Uint8Array, held: readonly Span[], late: boolean) {
    this.bytes = left;
    this.held = held;
    this.#late = late;
  }

  writeAt(offset: number, bytes: Uint8Array): void | Promise<void> {
    const copy = bytes.slice();
    if (!this.#late) return this.bytes.set(copy, offset);
    return new Promise((resolve) =>
      setImmediate(() => {
        this.bytes.set(copy, offset);
        resolve();
      }),
    );
  }

  async readBack({ start, end }: Span, sink: (bytes: Uint8Array) => void | Promise<void>) {
    await sink(this.bytes.slice(start, end));
  }

  async restart(): Promise<void> {
    this.bytes = new Uint8Array(SIZE);
    this.watermark.restart();
  }

  async commit(): Promise<void> {
    this.published = this.bytes.slice();
  }

  async abort(): Promise<void> {}
}

const part = fc.tuple(fc.nat(SIZE), fc.integer({ min: 1, max: SIZE })).map(([start, length]) => ({
  start,
  end: start + length,
}));
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("write" as const), part, honest: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);
const left = fc.array(fc.record({ part, honest: fc.boolean() }), { maxLength: 3 });

describe("what comes in", () => {
  it("is never published with another hash than its digest, whatever is written and in what order", async () => {
    let committed = 0;
    await fc.assert(
      fc.asyncProperty(
        left,
        fc.array(step, { maxLength: 12 }),
        fc.boolean(),
        async (left, steps, late) => {
          const file = fileWith(left, late);
          const verified = await VerifiedIngest.start(file, descriptor);
          const writing: Promise<unknown>[] = [];
          for (const next of steps) {
            if (next.do === "write")
              writing.push(attempt(() => verified.writeAt(next.part.start, content(next))));
            else if (next.do === "settle") await attempt(() => verified.settle());
            else {
              await Promise.all(writing);
              await verified.restart();
            }
          }
          await Promise.all(writing);
          for (const gap of verified.missing) {
            await attempt(() => verified.writeAt(gap.start, content({ part: gap, honest: true })));
          }
          if (await verified.commit()) {
            committed += 1;
            expect(hash(file.published ?? new Uint8Array())).toBe(hash(good));
          } else {
            expect(file.published).toBe(undefined);
          }
        },
      ),
      { numRuns: 2000 },
    );
    expect(committed).toBeGreaterThan(50);
  });

  it("may not be written over, hashed or not", async () => {
    const file = fileWith([], false);
    const verified = await VerifiedIngest.start(file, descriptor);
    await verified.writeAt(0, good.subarray(0, 8));
    await verified.writeAt(16, good.subarray(16));
    for (const [start, end] of [
      [0, 8],
      [7, 9],
      [15, 17],
      [16, 24],
    ] as const) {
      expect(() => verified.writeAt(start, good.subarray(start, end))).toThrow(
        expect.objectContaining({ code: "verification-failed" }),
      );
    }
    await verified.writeAt(8, good.subarray(8, 16));
    expect(await verified.commit()).toBe(true);
  });
});

function fileWith(left: readonly { part: Span; honest: boolean }[], late: boolean): OpenFile {
  const bytes = new Uint8Array(SIZE);
  let held: readonly Span[] = [];
  for (const { part, honest } of left) {
    const end = Math.min(part.end, SIZE);
    if (part.start >= end) continue;
    bytes.set(content({ part: { start: part.start, end }, honest }), part.start);
    held = addSpan(held, { start: part.start, end });
  }
  return new OpenFile(bytes, held, late);
}

function content({ part, honest }: { part: Span; honest: boolean }): Uint8Array {
  const bytes = new Uint8Array(part.end - part.start).fill(0xee);
  if (honest) bytes.set(good.subarray(part.start, part.end));
  return bytes;
}

async function attempt(work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch {
    // A refused write is as good as none.
  }
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
