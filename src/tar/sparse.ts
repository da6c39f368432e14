import { TarFault } from "./fault.ts";
import { BLOCK, type RawHeader } from "./header.ts";
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

/** Where an entry's map is: here, in front of its content (GNU 1.0), or in its header (old GNU). */
export type Sparse =
  | { readonly kind: "map"; readonly map: SparseMap }
  | { readonly kind: "in-content"; readonly size: number }
  | { readonly kind: "in-header" };

export const MAX_SPANS = 1_000_000;

/** `undefined` for a file that is not sparse. */
export function sparseOf(
  header: RawHeader,
  pax: PaxRecords | undefined,
  isFile: boolean,
): Sparse | undefined {
  const inPax = pax !== undefined && hasSparseKey(pax);
  if (header.flag === "S") {
    // Star has a sparse format of its own under this flag.
    if (header.format !== "gnu" || inPax) throw new TarFault("it is sparse in an unknown way");
    return { kind: "in-header" };
  }
  if (!inPax) return undefined;
  if (!isFile) throw new TarFault("it has a sparse map and is no file");
  const version = [pax.get("GNU.sparse.major"), pax.get("GNU.sparse.minor")].join(".");
  if (version === "1.0") return { kind: "in-content", size: realSize(pax) };
  if (version !== "." && version !== "0.0" && version !== "0.1") {
    throw new TarFault("its sparse format is of an unknown version");
  }
  return { kind: "map", map: { spans: spansOf(pax), size: realSize(pax) } };
}

/**
 * In order, apart from each other, inside the file, and as many bytes as are archived. Every part but
 * the last is whole blocks: GNU tar begins each with a block, Go goes on within one.
 */
export function checkSparse({ spans, size }: SparseMap, archived: number): SparseMap {
  let end = 0;
  let bytes = 0;
  for (const { offset, length } of spans) {
    if (offset < end || offset + length > size) throw new TarFault("its sparse map has no order");
    if (length > 0 && bytes % BLOCK !== 0) throw new TarFault("a part of it ends within a block");
    end = offset + length;
    bytes += length;
  }
  if (bytes !== archived) throw new TarFault("its sparse map counts other bytes than are there");
  return { spans: spans.filter(({ length }) => length > 0), size };
}

export function pairs(numbers: readonly number[]): DataSpan[] {
  if (numbers.length % 2 !== 0 || numbers.length > 2 * MAX_SPANS) {
    throw new TarFault("its sparse map is not in pairs");
  }
  return Array.from({ length: numbers.length / 2 }, (_, index) => ({
    offset: numbers[2 * index] ?? 0,
    length: numbers[2 * index + 1] ?? 0,
  }));
}

function hasSparseKey(pax: PaxRecords): boolean {
  for (const key of pax.keys()) if (key.startsWith("GNU.sparse.")) return true;
  return false;
}

function realSize(pax: PaxRecords): number {
  const size = pax.get("GNU.sparse.size");
  const realSize = pax.get("GNU.sparse.realsize");
  const value = size ?? realSize;
  if (value === undefined || value !== (realSize ?? size)) {
    throw new TarFault("its sparse map has no size");
  }
  return paxNumber(value);
}

function spansOf(pax: PaxRecords): readonly DataSpan[] {
  const joined = pax.get("GNU.sparse.map") ?? "";
  const spans = pairs(joined === "" ? [] : joined.split(",").map(paxNumber));
  if (paxNumber(pax.get("GNU.sparse.numblocks") ?? "") !== spans.length) {
    throw new TarFault("its sparse map has not as many spans as it says");
  }
  return spans;
}
