import { type ByteString, byteString } from "./byte-string.ts";
import { TarFault } from "./fault.ts";
import { type PaxRecords, parsePax, paxNumber } from "./pax-records.ts";

/** What all entries may share; a name, size or attribute for all of them makes no sense. */
const FOR_ALL: ReadonlySet<string> = new Set(["uid", "gid", "mtime"]);
const NEVER_FOR_ALL = /^(?:path|linkpath|size|GNU\.sparse\.|SCHILY\.xattr\.|SCHILY\.dev)/;
/** Where one reader takes an empty value for the header's own, and another for an empty name. */
const NEVER_EMPTY = ["path", "linkpath", "size", "GNU.sparse.name"] as const;

/**
 * The headers before a header, which say more of its entry: pax for it and for all, GNU's long name and
 * long link. They are about the entry alone, never about each other (CVE-2026-53655).
 */
export class MetaHeaders {
  #global: PaxRecords = new Map();
  #pax: PaxRecords | undefined;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;

  static is(flag: string): boolean {
    return flag === "x" || flag === "g" || flag === "L" || flag === "K";
  }

  /** Whether some have come whose entry has not. */
  get begun(): boolean {
    return this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined;
  }

  take(flag: string, bytes: Uint8Array): void {
    if (flag === "g") this.#takeGlobal(parsePax(bytes));
    else if (flag === "x") this.#pax = once(this.#pax, checkEmpty(parsePax(bytes)));
    else if (flag === "L") this.#longName = once(this.#longName, untilNul(bytes));
    else this.#longLink = once(this.#longLink, untilNul(bytes));
  }

  /** The entry is read: what was about it alone goes. */
  clear(): void {
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
  }

  /** The entry's own pax records. */
  get pax(): PaxRecords | undefined {
    return this.#pax;
  }

  /** Of the entry, else of all; an empty value takes back what was said of all. */
  record(key: string): ByteString | undefined {
    return (this.#pax?.get(key) ?? this.#global.get(key)) || undefined;
  }

  number(key: string, own: number): number {
    const value = this.record(key);
    return value === undefined ? own : paxNumber(value);
  }

  path(own: ByteString): ByteString {
    return nameOf("path", this.#pax?.get("path"), this.#longName) ?? own;
  }

  linkPath(own: ByteString): ByteString {
    return nameOf("linkpath", this.#pax?.get("linkpath"), this.#longLink) ?? own;
  }

  #takeGlobal(records: PaxRecords): void {
    if (this.begun) throw new TarFault("a pax header for all entries stands among its own");
    const global = new Map(this.#global);
    for (const [key, value] of records) {
      if (NEVER_FOR_ALL.test(key)) throw new TarFault(`a pax header says ${key} for all entries`);
      if (FOR_ALL.has(key)) global.set(key, value);
    }
    this.#global = global;
  }
}

/** Go lets GNU's name win, GNU tar that of pax. */
function nameOf(
  key: string,
  pax: ByteString | undefined,
  long: ByteString | undefined,
): ByteString | undefined {
  if (pax !== undefined && long !== undefined && pax !== long) {
    throw new TarFault(`pax and GNU headers disagree about its ${key}`);
  }
  return pax ?? long;
}

function checkEmpty(records: PaxRecords): PaxRecords {
  for (const key of NEVER_EMPTY) {
    if (records.get(key) === "") throw new TarFault(`its pax header has an empty ${key}`);
  }
  return records;
}

function once<T>(before: T | undefined, value: T): T {
  if (before !== undefined) throw new TarFault("two headers of one kind stand before it");
  return value;
}

function untilNul(bytes: Uint8Array): ByteString {
  const end = bytes.indexOf(0);
  return byteString(end < 0 ? bytes : bytes.subarray(0, end));
}
