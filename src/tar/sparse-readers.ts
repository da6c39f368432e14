import { TarFault } from "./fault.ts";
import { BLOCK } from "./header.ts";
import { numberField } from "./number-field.ts";
import { type DataSpan, MAX_SPANS, pairs, type SparseMap } from "./sparse.ts";

/** GNU's old format: four spans in the header, the rest in blocks behind it. */
export class GnuSparseReader {
  readonly #spans: DataSpan[] = [];
  readonly #size: number;
  more: boolean;

  constructor(bytes: Uint8Array, at: number) {
    this.#size = numberField(bytes, at + 483, 12);
    this.#read(bytes, at + 386, 4);
    this.more = bytes[at + 482] !== 0;
  }

  push(bytes: Uint8Array, at: number): void {
    this.#read(bytes, at, 21);
    this.more = bytes[at + 504] !== 0;
  }

  get map(): SparseMap {
    return { spans: this.#spans, size: this.#size };
  }

  #read(bytes: Uint8Array, at: number, count: number): void {
    for (let start = at; start < at + count * 24; start += 24) {
      if (bytes[start] === 0) return;
      const offset = numberField(bytes, start, 12);
      this.#spans.push({ offset, length: numberField(bytes, start + 12, 12) });
      if (this.#spans.length > MAX_SPANS) throw new TarFault("its sparse map is too long");
    }
  }
}

/** Sparse 1.0 keeps its map in front of the content: a count, then pairs, a decimal number a line. */
export class SparseMapReader {
  readonly #numbers: number[] = [];
  readonly #size: number;
  #count: number | undefined;
  /** Of the number that has begun, if one has. */
  #digits = "";
  /** How much the map takes in the archive: whole blocks. */
  bytes = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Takes a block; the map once all of it is there. */
  push(bytes: Uint8Array, at: number): SparseMap | undefined {
    this.bytes += BLOCK;
    for (let index = at; index < at + BLOCK; index += 1) {
      const byte = bytes[index] ?? 0;
      if (byte !== 0x0a) this.#digit(byte);
      else if (this.#line()) return { spans: pairs(this.#numbers), size: this.#size };
    }
    return undefined;
  }

  #digit(byte: number): void {
    if (byte < 0x30 || byte > 0x39 || this.#digits.length > 18) {
      throw new TarFault("its sparse map holds no number");
    }
    this.#digits += String.fromCharCode(byte);
  }

  /** Whether this line was the last. */
  #line(): boolean {
    const value = this.#digits === "" ? Number.NaN : Number(this.#digits);
    if (!Number.isSafeInteger(value)) throw new TarFault("its sparse map holds no number");
    this.#digits = "";
    if (this.#count === undefined) {
      if (value > MAX_SPANS) throw new TarFault("its sparse map is too long");
      this.#count = value;
    } else this.#numbers.push(value);
    return this.#numbers.length === 2 * this.#count;
  }
}
