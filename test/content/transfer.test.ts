import { describe, expect, it } from "vitest";
import type { Clock } from "../../src/clock.ts";
import type { LadingEvent } from "../../src/content/events.ts";
import { MemoryStore } from "../../src/content/memory.ts";
import type { OpenRange, Sink } from "../../src/content/port.ts";
import { transfer } from "../../src/content/transfer/transfer.ts";
import { LadingError } from "../../src/errors.ts";
import { describeBytes, readAll } from "../contract/content-store.ts";

const MiB = 1024 * 1024;

describe("a transfer", () => {
  it("goes on where the source failed in passing, and waits with backoff", async () => {
    const bytes = pattern(3 * MiB);
    const source = scripted(bytes, [{ failAfter: MiB }, { failAfter: MiB }]);
    const { target, events, slept } = rig();
    const result = await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(source.asked).toEqual([{ offset: 0 }, { offset: MiB }, { offset: 2 * MiB }]);
    expect(result).toEqual({ existed: false, transferred: bytes.length });
    expect(slept).toHaveLength(2);
    expect(events.filter((event) => event.type === "retry")).toHaveLength(2);
    expect(await target.holds(bytes)).toBe(true);
  });

  it("starts again from zero when the server ignores the range (fault 17)", async () => {
    const bytes = pattern(2 * MiB);
    const source = scripted(bytes, [{ failAfter: MiB }, { whole: true }]);
    const { target, events } = rig();
    await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(await target.holds(bytes)).toBe(true);
    const last = events.filter((event) => event.type === "bytes").at(-1);
    expect(last).toMatchObject({ generation: 1 });
  });

  it("tells of a new start at once, however short ago it told of the old one", async () => {
    const bytes = pattern(2 * MiB);
    const source = scripted(bytes, [{ failAfter: MiB }, { whole: true }]);
    const { target, events } = rig({ tickMs: 0 });
    await transfer(source, target.store, describeBytes(bytes), target.options);
    const told = events.flatMap((event) => (event.type === "bytes" ? [event.generation] : []));
    expect(told).toEqual([0, 1]);
  });

  it("does not retry for ever when a server that ignores ranges always cuts off", async () => {
    const bytes = pattern(3 * MiB);
    const source = scripted(bytes, Array(50).fill({ failAfter: 2 * MiB, whole: true }));
    const { target } = rig();
    const moved = transfer(source, target.store, describeBytes(bytes), target.options);
    await expect(moved).rejects.toMatchObject({ code: "network" });
    expect(source.asked.length).toBeLessThanOrEqual(8);
  });

  it("takes a body that ends early without an error for a truncated one", async () => {
    const bytes = pattern(1000);
    const source = scripted(bytes, [{ endAfter: 400 }]);
    const { target } = rig();
    await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(source.asked).toEqual([{ offset: 0 }, { offset: 400 }]);
  });

  it("fetches content with the wrong digest once more, then says so and keeps nothing", async () => {
    const bytes = pattern(1000);
    const wrong = pattern(1000, 7);
    const source = scripted(wrong, []);
    const { target } = rig();
    const descriptor = describeBytes(bytes);
    await expect(transfer(source, target.store, descriptor, target.options)).rejects.toMatchObject({
      code: "verification-failed",
      context: { digest: descriptor.digest },
    });
    expect(source.asked).toHaveLength(2);
    expect(await target.store.has(descriptor)).toBe(false);
    expect((await target.store.ingest(descriptor))?.held).toEqual([]);
  });

  it("throws a part away that turns out wrong, and fetches the whole once (fault 16)", async () => {
    const bytes = pattern(1000);
    const descriptor = describeBytes(bytes);
    const { target } = rig();
    const part = await target.store.ingest(descriptor);
    await part?.writeAt(0, pattern(600, 9));
    await part?.abort({ keep: true });
    const source = scripted(bytes, []);
    const result = await transfer(source, target.store, descriptor, target.options);
    expect(source.asked).toEqual([{ offset: 600 }, { offset: 0 }]);
    expect(result.transferred).toBe(1400);
    expect(await target.holds(bytes)).toBe(true);
  });

  it("stops at the first byte too many (fault 24, CVE-2020-1702)", async () => {
    const bytes = pattern(1000);
    const source = scripted(Buffer.concat([bytes, pattern(5 * MiB)]), []);
    const { target } = rig();
    const descriptor = describeBytes(bytes);
    await expect(transfer(source, target.store, descriptor, target.options)).rejects.toMatchObject({
      code: "verification-failed",
    });
    expect(source.counters.sent).toBeLessThanOrEqual(64 * 1024);
    expect((await target.store.ingest(descriptor))?.held).toEqual([]);
  });

  it("does not try again what can't succeed", async () => {
    const bytes = pattern(1000);
    const source = scripted(bytes, [{ error: new LadingError("unauthorized", "no") }]);
    const { target, slept } = rig();
    await expect(
      transfer(source, target.store, describeBytes(bytes), target.options),
    ).rejects.toMatchObject({ code: "unauthorized" });
    expect(slept).toEqual([]);
  });

  it("keeps the part when it is aborted, and hangs up", async () => {
    const bytes = pattern(2 * MiB);
    const stop = new AbortController();
    const source = scripted(bytes, [{ onSent: (sent) => sent >= MiB && stop.abort() }]);
    const { target } = rig();
    const descriptor = describeBytes(bytes);
    const moved = transfer(source, target.store, descriptor, {
      ...target.options,
      signal: stop.signal,
    });
    await expect(moved).rejects.toMatchObject({ code: "aborted" });
    expect(source.counters.now).toBe(0);
    expect((await target.store.ingest(descriptor))?.held).toEqual([{ start: 0, end: MiB }]);
  });

  it("never reports more than there is (fault 40)", async () => {
    const bytes = pattern(MiB);
    const source = scripted(bytes, [{ failAfter: 900_000 }, { whole: true }]);
    const { target, events } = rig();
    await transfer(source, target.store, describeBytes(bytes), target.options);
    const offsets = events.flatMap((event) => (event.type === "bytes" ? [event.offset] : []));
    expect(Math.max(...offsets)).toBeLessThanOrEqual(bytes.length);
  });
});

describe("a transfer in ranges", () => {
  const parallel = { above: MiB, chunk: 256 * 1024, streams: 3, helpAfterMs: 0 };

  it("fetches the chunks of a large blob side by side, each once", async () => {
    const bytes = pattern(2 * MiB + 12_345);
    const source = { ...scripted(bytes, []), parallel };
    const { target } = rig();
    const result = await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(result.transferred).toBe(bytes.length);
    expect(source.asked).toHaveLength(9);
    expect(source.counters.most).toBe(3);
    expect(await target.holds(bytes)).toBe(true);
  });

  it("reads on as one stream when the first answer is the whole, with no second request", async () => {
    const bytes = pattern(2 * MiB);
    const source = { ...scripted(bytes, [{ whole: true }]), parallel };
    const { target } = rig();
    const result = await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(result.transferred).toBe(bytes.length);
    expect(source.asked).toHaveLength(1);
    expect(await target.holds(bytes)).toBe(true);
  });

  it("falls back to one stream when a later answer is the whole", async () => {
    const bytes = pattern(2 * MiB);
    const source = { ...scripted(bytes, [{}, {}, {}, { whole: true }]), parallel };
    const { target } = rig();
    await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(await target.holds(bytes)).toBe(true);
  });

  it("keeps what the other streams brought when one fails, and asks only for the rest", async () => {
    const bytes = pattern(2 * MiB);
    const source = { ...scripted(bytes, [{}, { failAfter: 1000 }]), parallel };
    const { target } = rig();
    const result = await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(result.transferred).toBe(bytes.length);
    expect(await target.holds(bytes)).toBe(true);
  });

  it("takes no byte beyond the range that was asked for, though the blob has one there", async () => {
    const bytes = pattern(2 * MiB);
    const source = { ...scripted(bytes, [{ tooLong: 1 }]), parallel };
    const { target } = rig();
    const descriptor = describeBytes(bytes);
    await expect(transfer(source, target.store, descriptor, target.options)).rejects.toMatchObject({
      code: "verification-failed",
      message: expect.stringContaining("asked for"),
    });
    expect(await target.store.has(descriptor)).toBe(false);
    expect((await target.store.ingest(descriptor))?.held).toEqual([]);
  });

  it("leaves a connection alone that brings the first chunk soon: two requests, all in order", async () => {
    const bytes = pattern(2 * MiB);
    const source = { ...scripted(bytes, []), parallel: { ...parallel, helpAfterMs: 60_000 } };
    const { target } = rig();
    const result = await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(result.transferred).toBe(bytes.length);
    expect(source.asked).toEqual([
      { offset: 0, length: parallel.chunk },
      { offset: parallel.chunk },
    ]);
    expect(source.counters.most).toBe(1);
    expect(await target.holds(bytes)).toBe(true);
  });

  it("leaves small blobs to one stream", async () => {
    const bytes = pattern(MiB - 1);
    const source = { ...scripted(bytes, []), parallel };
    const { target } = rig();
    await transfer(source, target.store, describeBytes(bytes), target.options);
    expect(source.asked).toEqual([{ offset: 0 }]);
  });
});

describe("a follower", () => {
  it("reads along up to the watermark while the bytes arrive", async () => {
    const bytes = pattern(MiB);
    const descriptor = describeBytes(bytes);
    const { target } = rig();
    const ingest = await target.store.ingest(descriptor);
    if (ingest === undefined) throw new Error("there already");
    const seen: number[] = [];
    for (let at = 0; at < bytes.length; at += 256 * 1024) {
      await ingest.writeAt(at, bytes.subarray(at, at + 256 * 1024));
      seen.push(ingest.watermark.contiguous);
    }
    await ingest.commit();
    expect(seen).toEqual([262_144, 524_288, 786_432, MiB]);
    expect(ingest.watermark.state).toBe("complete");
  });
});

interface Answer {
  readonly failAfter?: number;
  readonly endAfter?: number;
  /** Sends so many bytes of the blob more than were asked for. */
  readonly tooLong?: number;
  /** Ignores the range, as a 200 does. */
  readonly whole?: boolean;
  readonly error?: Error;
  readonly onSent?: (sent: number) => unknown;
}

/** A source that answers its requests in turn as told, and well when there is nothing told. */
function scripted(bytes: Uint8Array, answers: readonly Answer[]) {
  const asked: OpenRange[] = [];
  const counters = { most: 0, now: 0, sent: 0 };
  const queue = [...answers];
  return {
    asked,
    counters,
    async open(_: unknown, range: OpenRange) {
      asked.push(range);
      const answer = queue.shift() ?? {};
      if (answer.error) throw answer.error;
      const offset = answer.whole ? 0 : range.offset;
      const wanted =
        answer.whole || range.length === undefined ? bytes.length : offset + range.length;
      const end = wanted + (answer.tooLong ?? 0);
      let cancelled = false;
      counters.now += 1;
      counters.most = Math.max(counters.most, counters.now);
      return {
        offset,
        ranged: !answer.whole,
        async read(sink: Sink) {
          try {
            for (let at = offset; at < end; ) {
              const fail = offset + (answer.failAfter ?? Number.POSITIVE_INFINITY);
              const stop = Math.min(offset + (answer.endAfter ?? Number.POSITIVE_INFINITY), fail);
              const next = Math.min(at + 64 * 1024, end, stop);
              if (next === at) {
                if (at < fail) return;
                throw new LadingError("network", "connection reset", { transient: true });
              }
              await Promise.resolve();
              if (cancelled) throw new LadingError("network", "hung up", { transient: true });
              counters.sent += next - at;
              await sink(bytes.subarray(at, next));
              at = next;
              answer.onSent?.(at);
            }
          } finally {
            counters.now -= 1;
          }
        },
        cancel() {
          cancelled = true;
        },
      };
    },
  };
}

function rig({ tickMs = 100 } = {}) {
  const events: LadingEvent[] = [];
  const slept: number[] = [];
  let now = 1000;
  const clock: Clock = {
    now: () => (now += tickMs),
    sleep: async (ms) => void slept.push(ms),
    after: () => () => {},
  };
  const store = new MemoryStore();
  const retry = { retries: 3, baseMs: 100, capMs: 1000, random: () => 0.5 };
  const onEvent = (event: LadingEvent): void => void events.push(event);
  const target = {
    store,
    options: { role: "layer", clock, retry, onEvent } as const,
    holds: async (bytes: Uint8Array) =>
      Buffer.from(bytes).equals(
        await readAll(await store.open(describeBytes(bytes), { offset: 0 })),
      ),
  };
  return { target, events, slept };
}

function pattern(length: number, seed = 1): Uint8Array {
  return new Uint8Array(length).map((_, index) => (index * 31 + seed * (index >> 8)) & 255);
}
