import { corrupt } from "../fault.ts";

/** For each fifteen bits that may come, the symbol they begin with, and how many bits it takes; 0 for none. */
export type Symbols = Uint16Array;

const LONGEST = 15;

export function codeOf(
  code: Symbols,
  bits: number,
): { readonly symbol: number; readonly bits: number } | undefined {
  const found = code[bits & 0x7fff] ?? 0;
  return found === 0 ? undefined : { symbol: found >>> 4, bits: found & 15 };
}

/** Order in which lengths of the code for lengths come (RFC 1951, 3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

export interface Codes {
  readonly lengths: Symbols;
  readonly distances: Symbols;
}

/** 3.2.6 */
export const FIXED: Codes = {
  lengths: symbolsOf(
    Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8)),
    "any",
  ),
  distances: symbolsOf(Array(32).fill(5), "any"),
};

/** The two codes of a block that brings its own (3.2.7); refuses what zlib refuses. */
export function* readCodes(
  bits: (count: number) => Generator<undefined, number>,
  symbol: (code: Symbols) => Generator<undefined, number>,
): Generator<undefined, Codes> {
  const lengthCount = (yield* bits(5)) + 257;
  const distanceCount = (yield* bits(5)) + 1;
  const orderCount = (yield* bits(4)) + 4;
  if (lengthCount > 286 || distanceCount > 30) throw corrupt("gzip", "too many symbols");
  const ofLengths: number[] = Array(19).fill(0);
  for (const at of ORDER.slice(0, orderCount)) ofLengths[at] = yield* bits(3);
  const code = symbolsOf(ofLengths, "complete");
  const all: number[] = [];
  while (all.length < lengthCount + distanceCount) {
    const found = yield* symbol(code);
    if (found < 16) {
      all.push(found);
      continue;
    }
    const repeated = found === 16 ? all.at(-1) : 0;
    if (repeated === undefined) throw corrupt("gzip", "invalid bit length repeat");
    const times =
      found === 16
        ? 3 + (yield* bits(2))
        : found === 17
          ? 3 + (yield* bits(3))
          : 11 + (yield* bits(7));
    all.push(...Array<number>(times).fill(repeated));
  }
  if (all.length > lengthCount + distanceCount) throw corrupt("gzip", "invalid bit length repeat");
  if (all[256] === 0) throw corrupt("gzip", "missing end-of-block");
  return {
    lengths: symbolsOf(all.slice(0, lengthCount), "or one"),
    distances: symbolsOf(all.slice(lengthCount), "or one"),
  };
}

/**
 * The code with these lengths (3.2.2). What is left over of it is refused, save that a code may be a
 * single bit, or nothing at all.
 */
function symbolsOf(lengths: readonly number[], strict: "complete" | "or one" | "any"): Symbols {
  const counts: number[] = Array(LONGEST + 1).fill(0);
  for (const length of lengths) if (length > 0) counts[length] = (counts[length] ?? 0) + 1;
  const next: number[] = [0];
  let code = 0;
  let left = 1;
  let longest = 0;
  for (let length = 1; length <= LONGEST; length += 1) {
    const count = counts[length] ?? 0;
    code = (code + (counts[length - 1] ?? 0)) << 1;
    next[length] = code;
    left = left * 2 - count;
    if (left < 0) throw corrupt("gzip", "a code has too many symbols");
    if (count > 0) longest = length;
  }
  const mayMiss = strict === "any" || longest === 0 || (strict === "or one" && longest === 1);
  if (left > 0 && !mayMiss) throw corrupt("gzip", "a code has too few symbols");
  const symbols = new Uint16Array(1 << LONGEST);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    const own = next[length] ?? 0;
    next[length] = own + 1;
    for (let at = reversed(own, length); at < symbols.length; at += 1 << length) {
      symbols[at] = (symbol << 4) | length;
    }
  }
  return symbols;
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit += 1) result |= ((code >>> bit) & 1) << (length - 1 - bit);
  return result;
}
