import { corrupt } from "../fault.ts";
import { OUTPUT_SIZE, type Sink } from "../stage.ts";
import { crc32 } from "./crc32.ts";
import type { BodyInflater } from "./header.ts";
import { codeOf, FIXED, readCodes, type Symbols } from "./huffman.ts";

const WINDOW = 32 * 1024;

const LENGTH_EXTRA = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const DISTANCE_EXTRA = Array.from({ length: 30 }, (_, code) => Math.max(0, (code >> 1) - 1));
const DISTANCE_BASE = basesOf(DISTANCE_EXTRA, 1);
/** The last one has a code of its own. */
const LENGTH_BASE = [...basesOf(LENGTH_EXTRA, 3).slice(0, -1), 258];
const END_OF_BLOCK = 256;

function basesOf(extra: readonly number[], first: number): number[] {
  let next = first;
  return extra.map((bits) => {
    const base = next;
    next += 1 << bits;
    return base;
  });
}

/**
 * inflate in JavaScript, for a Node whose zlib can't be called synchronously: none is known, so it is simple
 * rather than fast (RFC 1951).
 */
export function plainBody(sink: Sink): BodyInflater {
  const output = Buffer.alloc(WINDOW + OUTPUT_SIZE);
  let bytes: Uint8Array = new Uint8Array(0);
  let at = 0;
  let hold = 0;
  let held = 0;
  let to = 0;
  let flushed = 0;
  let total = 0;
  let crc = 0;
  let member = decode();
  let ended = false;

  function* need(count: number): Generator<undefined, void> {
    while (held < count) {
      while (at >= bytes.length) yield;
      hold |= (bytes[at] ?? 0) << held;
      at += 1;
      held += 8;
    }
  }
  function* bits(count: number): Generator<undefined, number> {
    if (held < count) yield* need(count);
    const value = hold & ((1 << count) - 1);
    hold >>>= count;
    held -= count;
    return value;
  }
  function* symbol(code: Symbols): Generator<undefined, number> {
    // A trailer follows, so that there are always enough bits to look at.
    if (held < 15) yield* need(15);
    const found = codeOf(code, hold);
    if (found === undefined) throw corrupt("gzip", "invalid code");
    hold >>>= found.bits;
    held -= found.bits;
    return found.symbol;
  }
  const flush = (): void => {
    const fresh = output.subarray(flushed, to);
    flushed = to;
    if (fresh.length === 0) return;
    crc = crc32(fresh, crc);
    total += fresh.length;
    sink(fresh);
  };
  const put = (byte: number): void => {
    if (to === output.length) {
      flush();
      output.copyWithin(0, to - WINDOW);
      to = WINDOW;
      flushed = to;
    }
    output[to] = byte;
    to += 1;
  };
  function* stored(): Generator<undefined, void> {
    yield* bits(held & 7);
    const length = yield* bits(16);
    if (length !== (~(yield* bits(16)) & 0xffff)) throw corrupt("gzip", "invalid stored lengths");
    for (let left = length; left > 0; left -= 1) put(yield* bits(8));
  }
  const fill = (): void => {
    while (held < 16) {
      hold |= (bytes[at] ?? 0) << held;
      at += 1;
      held += 8;
    }
  };
  const low = (count: number): number => {
    const value = hold & ((1 << count) - 1);
    hold >>>= count;
    held -= count;
    return value;
  };
  const take = (code: Symbols): number => {
    const found = code[hold & 0x7fff] ?? 0;
    if (found === 0) throw corrupt("gzip", "invalid code");
    low(found & 15);
    return found >>> 4;
  };
  /** What `coded` does, without its care, as long as a whole symbol is surely there and fits. */
  const run = (lengths: Symbols, distances: Symbols): boolean => {
    const [lastIn, lastOut] = [bytes.length - 8, output.length - 258];
    while (at <= lastIn && to <= lastOut) {
      fill();
      const code = take(lengths);
      if (code === END_OF_BLOCK) return true;
      if (code < END_OF_BLOCK) {
        output[to] = code;
        to += 1;
        continue;
      }
      const base = LENGTH_BASE[code - 257];
      if (base === undefined) throw corrupt("gzip", "invalid length code");
      fill();
      const end = to + base + low(LENGTH_EXTRA[code - 257] ?? 0);
      fill();
      const far = take(distances);
      const from = DISTANCE_BASE[far];
      if (from === undefined) throw corrupt("gzip", "invalid distance code");
      fill();
      const distance = from + low(DISTANCE_EXTRA[far] ?? 0);
      if (distance > total + (to - flushed)) throw corrupt("gzip", "invalid distance too far back");
      for (; to < end; to += 1) output[to] = output[to - distance] ?? 0;
    }
    return false;
  };
  function* coded(lengths: Symbols, distances: Symbols): Generator<undefined, void> {
    for (;;) {
      if (run(lengths, distances)) return;
      const code = yield* symbol(lengths);
      if (code === END_OF_BLOCK) return;
      if (code < END_OF_BLOCK) {
        put(code);
        continue;
      }
      const base = LENGTH_BASE[code - 257];
      if (base === undefined) throw corrupt("gzip", "invalid length code");
      const length = base + (yield* bits(LENGTH_EXTRA[code - 257] ?? 0));
      const far = yield* symbol(distances);
      const from = DISTANCE_BASE[far];
      if (from === undefined) throw corrupt("gzip", "invalid distance code");
      const distance = from + (yield* bits(DISTANCE_EXTRA[far] ?? 0));
      if (distance > total + (to - flushed)) throw corrupt("gzip", "invalid distance too far back");
      for (let left = length; left > 0; left -= 1) put(output[to - distance] ?? 0);
    }
  }
  function* decode(): Generator<undefined, void> {
    for (let last = 0; last === 0; ) {
      last = yield* bits(1);
      const type = yield* bits(2);
      if (type === 0) yield* stored();
      else if (type === 1) yield* coded(FIXED.lengths, FIXED.distances);
      else if (type === 2) {
        const { lengths, distances } = yield* readCodes(bits, symbol);
        yield* coded(lengths, distances);
      } else throw corrupt("gzip", "invalid block type");
    }
    yield* bits(held & 7);
    flush();
    const low = yield* bits(16);
    if ((yield* bits(16)) * 0x10000 + low !== crc) throw corrupt("gzip", "incorrect data check");
    const size = yield* bits(16);
    if ((yield* bits(16)) * 0x10000 + size !== total % 2 ** 32) {
      throw corrupt("gzip", "incorrect length check");
    }
  }

  return {
    write(given, start) {
      if (ended) return start;
      bytes = given;
      at = start;
      ended = member.next().done === true;
      flush();
      return at;
    },
    get ended() {
      return ended;
    },
    reset() {
      [hold, held, to, flushed, total, crc, ended] = [0, 0, 0, 0, 0, 0, false];
      member = decode();
    },
  };
}
