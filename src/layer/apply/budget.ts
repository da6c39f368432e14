import type { ByteString } from "../../tar/byte-string.ts";
import type { ReadEntry } from "../../tar/read-entry.ts";
import { overLimit, type UnpackLimits } from "../limits.ts";

/** Names that are kept in memory may be this long on average, and always take so much together. */
const NAME_BYTES = 16;
const FREE_NAMES = 1024 * 1024;
/** Directories' attributes wait for the end: so many times those of one entry. */
const WAITING_XATTRS = 64;

/** Keeps a layer within its limits while it is written. */
export class Budget {
  readonly #limits: UnpackLimits;
  readonly #total: BigInt64Array;
  /** Bytes written so far; holes are not. */
  written = 0;
  #entries = 0;
  #fileStart = 0;
  #remembered = 0;
  #waiting = 0;

  /** `shared` counts for all layers of an image together. */
  constructor(limits: UnpackLimits, shared?: SharedArrayBuffer) {
    this.#limits = limits;
    this.#total = new BigInt64Array(shared ?? new SharedArrayBuffer(8));
  }

  entry({ xattrs }: ReadEntry): void {
    const { maxXattrBytes } = this.#limits;
    this.#fileStart = this.written;
    this.#count();
    const bytes = xattrBytes(xattrs);
    if (bytes > maxXattrBytes) {
      const what = `the attributes of an entry have ${bytes} bytes`;
      throw overLimit("maxXattrBytes", maxXattrBytes, what);
    }
  }

  /** A directory without an entry of its own, of which one entry may make hundreds. */
  imply(path: ByteString): void {
    this.#count();
    this.remember(path);
  }

  /** A directory's attributes are written when the layer is whole. */
  holdDirectory(path: ByteString, xattrs: ReadEntry["xattrs"]): void {
    this.remember(path);
    if (xattrs.size === 0) return;
    this.#waiting += xattrBytes(xattrs);
    const limit = this.#limits.maxXattrBytes * WAITING_XATTRS;
    if (this.#waiting > limit) {
      const what = `the attributes of directories have more than ${limit} bytes`;
      throw overLimit("maxXattrBytes", this.#limits.maxXattrBytes, what);
    }
  }

  /** A path that is kept in memory until the layer is whole, and then in its record. */
  remember(path: ByteString): void {
    this.#remembered += ESCAPED.test(path) ? 6 * path.length : path.length;
    const { maxEntries } = this.#limits;
    if (this.#remembered <= FREE_NAMES + NAME_BYTES * maxEntries) return;
    const what = `the names of directories, whiteouts and links have ${this.#remembered} bytes`;
    throw overLimit("maxEntries", maxEntries, what);
  }

  /** Called before the bytes are written. */
  write(bytes: number): void {
    const { maxBytes, maxFileBytes } = this.#limits;
    this.written += bytes;
    if (maxFileBytes !== undefined && this.written - this.#fileStart > maxFileBytes) {
      const bytes = this.written - this.#fileStart;
      throw overLimit("maxFileBytes", maxFileBytes, `a file needs ${bytes} bytes`);
    }
    const total = Number(Atomics.add(this.#total, 0, BigInt(bytes))) + bytes;
    if (maxBytes !== undefined && total > maxBytes) {
      throw overLimit("maxBytes", maxBytes, `the layers need ${total} bytes or more`);
    }
  }

  /** What was written is not wanted, and goes. */
  giveBack(): void {
    Atomics.sub(this.#total, 0, BigInt(this.written));
  }

  #count(): void {
    const { maxEntries } = this.#limits;
    this.#entries += 1;
    if (this.#entries > maxEntries) {
      throw overLimit("maxEntries", maxEntries, `a layer has ${this.#entries} entries`);
    }
  }
}

/** What JSON writes as six characters, or UTF-8 as two bytes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: names are bytes
const ESCAPED = /[\x00-\x1f"\\\x7f-\xff]/;

function xattrBytes(xattrs: ReadEntry["xattrs"]): number {
  let bytes = 0;
  for (const [name, value] of xattrs) bytes += name.length + value.length;
  return bytes;
}
