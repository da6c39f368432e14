import { type ByteString, byteString } from "./byte-string.ts";
import type { TarEntryType } from "./entry.ts";
import { TarFault } from "./fault.ts";
import type { RawHeader } from "./header.ts";
import { type PaxRecords, parsePax, paxNumber, paxTime } from "./pax-records.ts";
import type { ReadEntry } from "./read-entry.ts";
import { checkSparse, paxSparse, type SparseMap } from "./sparse.ts";

const TYPES: ReadonlyMap<string, TarEntryType> = new Map([
  ["\0", "file"],
  ["0", "file"],
  ["7", "file"],
  ["S", "file"],
  ["1", "hardlink"],
  ["2", "symlink"],
  ["3", "character-device"],
  ["4", "block-device"],
  ["5", "directory"],
  ["6", "fifo"],
]);

const XATTR = "SCHILY.xattr.";

/** 2^32 - 1 means "unchanged" to chown(2); beyond it ids wrap round (CVE-2024-40635). */
const LARGEST_ID = 2 ** 32 - 2;

/** What one header can't say for all that follow. */
const NOT_GLOBAL = /^(?:path|linkpath|size|GNU\.sparse\.|SCHILY\.xattr\.)/;

/** Puts one entry together out of its headers: pax, GNU's long names, and its own. */
export class EntryBuilder {
  #global: PaxRecords = [];
  #pax: PaxRecords | undefined;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;
  #header: RawHeader | undefined;
  #globals = false;

  /** Whether the header is about the next one: pax, global pax, a long name, a long link. */
  static isMeta(flag: string): boolean {
    return flag === "x" || flag === "g" || flag === "L" || flag === "K";
  }

  /** Whether headers have come whose entry has not. */
  get begun(): boolean {
    return this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined;
  }

  takeMeta(flag: string, bytes: Uint8Array): void {
    if (flag === "g") this.#takeGlobal(parsePax(bytes));
    else if (flag === "x") this.#pax = once(this.#pax, parsePax(bytes));
    else if (flag === "L") this.#longName = once(this.#longName, untilNul(bytes));
    else this.#longLink = once(this.#longLink, untilNul(bytes));
  }

  /** Its own header: how many bytes of content follow, and what they are if the file is sparse. */
  take(header: RawHeader): {
    readonly archived: number;
    readonly sparse: SparseMap | "in-content" | undefined;
  } {
    this.#header = header;
    const type = this.#type();
    const size = this.#number("size") ?? header.size;
    // As Go has it: only files are followed by content, whatever the header of others says.
    const archived = type === "file" ? size : 0;
    if (type !== "file" || header.flag === "S") return { archived, sparse: undefined };
    if (this.#record("GNU.sparse.major") === "1") return { archived, sparse: "in-content" };
    const map = paxSparse(this.#pax ?? []);
    return { archived, sparse: map && checkSparse(map, archived) };
  }

  /** What sparse 1.0 says the file's size is. */
  get realSize(): number {
    const size = this.#number("GNU.sparse.realsize");
    if (size === undefined) throw new TarFault("its sparse map has no size");
    return size;
  }

  build(map: SparseMap | undefined, archived: number, number: number, offset: number): ReadEntry {
    const header = this.#header;
    if (header === undefined) throw new TarFault("it has no header");
    const whole = archived > 0 ? [{ offset: 0, length: archived }] : [];
    const checked = map && checkSparse(map, archived);
    const mtime = this.#record("mtime");
    const entry: ReadEntry = {
      number,
      offset,
      type: this.#type(),
      path: this.#path(),
      linkPath: this.#name("linkpath", this.#longLink, header.link),
      size: checked?.size ?? archived,
      data: checked?.spans ?? whole,
      mode: header.mode,
      uid: this.#id("uid", header.uid),
      gid: this.#id("gid", header.gid),
      mtimeNs: mtime === undefined ? BigInt(header.mtime) * 1_000_000_000n : paxTime(mtime),
      device: { major: header.major, minor: header.minor },
      xattrs: this.#xattrs(),
    };
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#header = undefined;
    return entry;
  }

  #takeGlobal(records: PaxRecords): void {
    for (const [key] of records) {
      if (NOT_GLOBAL.test(key))
        throw new TarFault(`a global pax header says ${key} for all entries`);
    }
    this.#global = [...this.#global, ...records].slice(-1000);
    this.#globals = this.#global.length > 0;
  }

  #type(): TarEntryType {
    const flag = this.#header?.flag ?? "";
    const type = TYPES.get(flag);
    if (type === undefined) throw new TarFault(`it is of an unknown type, ${JSON.stringify(flag)}`);
    // The convention of v7, which had no directories: a name that ends in a slash.
    const slash = type === "file" && this.#path().endsWith("/");
    if (slash && (this.#header?.size ?? 0) > 0)
      throw new TarFault("it is a directory with content");
    return slash ? "directory" : type;
  }

  #path(): ByteString {
    const sparse = this.#record("GNU.sparse.name");
    const path = sparse ?? this.#name("path", this.#longName, this.#header?.name ?? noName());
    if (path === "") throw new TarFault("it has no name");
    if (path.includes("\0")) throw new TarFault("its name holds a NUL");
    return path;
  }

  #name(key: string, long: ByteString | undefined, own: ByteString): ByteString {
    const pax = this.#record(key);
    if (pax !== undefined && long !== undefined && pax !== long) {
      throw new TarFault(`pax and GNU headers disagree about its ${key}`);
    }
    const name = pax ?? long ?? own;
    if (name.includes("\0")) throw new TarFault(`its ${key} holds a NUL`);
    return name;
  }

  #id(key: "uid" | "gid", own: number): number {
    const id = this.#number(key) ?? own;
    if (id > LARGEST_ID) throw new TarFault(`its ${key} is larger than any`);
    return id;
  }

  #number(key: string): number | undefined {
    const value = this.#record(key);
    return value === undefined ? undefined : paxNumber(value);
  }

  /** The last that was said, of the entry first; an empty value takes back what was said for all. */
  #record(key: string): ByteString | undefined {
    const own = this.#pax?.findLast(([name]) => name === key)?.[1];
    if (own !== undefined) return own === "" ? undefined : own;
    if (!this.#globals) return undefined;
    return this.#global.findLast(([name]) => name === key)?.[1] || undefined;
  }

  #xattrs(): ReadonlyMap<ByteString, Uint8Array> {
    if (this.#pax === undefined) return NO_XATTRS;
    const xattrs = new Map<ByteString, Uint8Array>();
    for (const [key, value] of this.#pax) {
      if (!key.startsWith(XATTR)) continue;
      const name = key.slice(XATTR.length) as ByteString;
      if (name === "" || name.includes("\0")) throw new TarFault("an attribute has no name");
      xattrs.set(name, Buffer.from(value, "latin1"));
    }
    return xattrs;
  }
}

const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map();

function once<T>(before: T | undefined, value: T): T {
  if (before !== undefined) throw new TarFault("two headers of one kind stand before it");
  return value;
}

function untilNul(bytes: Uint8Array): ByteString {
  const end = bytes.indexOf(0);
  return byteString(end < 0 ? bytes : bytes.subarray(0, end));
}

function noName(): never {
  throw new TarFault("it has no header");
}
