import { TarFault } from "./fault.ts";
import { BLOCK, number } from "./header.ts";
import { type PaxRecords, paxNumber } from "./pax-records.ts";

/** Where archived bytes belong in the file; holes lie between. */
export interface DataSpan {
  readonly offset: number;
  readonly length: number;
}

export interface SparseMap {
  readonly spans: readonly DataSpan[];
  /** Bytes of the file, holes included. */
  readonly size: number;
}

const MAX_SPANS = 1_000_000;

/** In order, apart from each other, inside the file, and as many bytes as are archived. */
export function checkSparse({ spans, size }: SparseMap, archived: number): SparseMap {
  let end = 0;
  let bytes = 0;
  for (const { offset, length } of spans) {
    if (offset < end || offset + length > size) throw new TarFault("its sparse map has no order");
    end = offset + length;
    bytes += length;
  }
  if (bytes !== archived) throw new TarFault("its sparse map counts other bytes than are there");
  return { spans: spans.filter(({ length }) => length > 0), size };
}

/** GNU's old format: four spans in the header, the rest in blocks behind it. */
export class GnuSparse {
  readonly #spans: DataSpan[] = [];
  readonly #size: number;
  more: boolean;

  constructor(header: Uint8Array) {
    this.#size = number(header, 483, 12);
    this.#read(header, 386, 4);
    this.more = header[482] !== 0;
  }

  extend(block: Uint8Array): void {
    this.#read(block, 0, 21);
    this.more = block[504] !== 0;
  }

  map(archived: number): SparseMap {
    return checkSparse({ spans: this.#spans, size: this.#size }, archived);
  }

  #read(block: Uint8Array, at: number, count: number): void {
    for (let index = 0; index < count; index += 1) {
      const start = at + index * 24;
      if (block[start] === 0) return;
      this.#spans.push({ offset: number(block, start, 12), length: number(block, start + 12, 12) });
      if (this.#spans.length > MAX_SPANS) throw new TarFault("its sparse map is too long");
    }
  }
}

/** The map of sparse 0.0 (a record for each number) or 0.1 (one record); `undefined` for no map. */
export function paxSparse(records: PaxRecords): SparseMap | undefined {
  const size = lastOf(records, "GNU.sparse.size");
  if (size === undefined) return undefined;
  const joined = lastOf(records, "GNU.sparse.map");
  const numbers =
    joined === undefined
      ? records.flatMap(([key, value]) =>
          /^GNU\.sparse\.(?:offset|numbytes)$/.test(key) ? [value] : [],
        )
      : joined === ""
        ? []
        : joined.split(",");
  return { spans: pairs(numbers.map(paxNumber)), size: paxNumber(size) };
}

/** Sparse 1.0 keeps its map in front of the content: a count, then pairs, a number a line. */
export class SparseMapReader {
  #text = "";
  #blocks = 0;

  /** Takes a block; the map once all of it is there. */
  push(block: Uint8Array, size: number): SparseMap | undefined {
    this.#text += Buffer.from(block).toString("latin1");
    this.#blocks += 1;
    const lines = this.#text.split("\n");
    const count = lines.length > 1 ? paxNumber(lines[0] ?? "") : undefined;
    if (this.#blocks * BLOCK > MAX_SPANS * 22 || (count ?? 0) > MAX_SPANS) {
      throw new TarFault("its sparse map is too long");
    }
    if (count === undefined || lines.length <= 2 * count + 1) return undefined;
    return { spans: pairs(lines.slice(1, 2 * count + 1).map(paxNumber)), size };
  }

  get bytes(): number {
    return this.#blocks * BLOCK;
  }
}

function lastOf(records: PaxRecords, wanted: string): string | undefined {
  return records.findLast(([key]) => key === wanted)?.[1];
}

function pairs(numbers: readonly number[]): DataSpan[] {
  if (numbers.length % 2 !== 0 || numbers.length > 2 * MAX_SPANS) {
    throw new TarFault("its sparse map is not in pairs");
  }
  return Array.from({ length: numbers.length / 2 }, (_, index) => ({
    offset: numbers[2 * index] ?? 0,
    length: numbers[2 * index + 1] ?? 0,
  }));
}
