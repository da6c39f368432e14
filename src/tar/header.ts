import { type ByteString, isAscii } from "./byte-string.ts";
import { TarFault } from "./fault.ts";
import { isNumberField, numberField, octalField, signedField } from "./number-field.ts";

export const BLOCK = 512;

/** One header block, its fields read and nothing decided. */
export interface RawHeader {
  readonly format: "v7" | "ustar" | "star" | "gnu";
  readonly flag: string;
  /** With ustar's prefix. */
  readonly name: ByteString;
  readonly link: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Of a device; else zero. */
  readonly major: number;
  readonly minor: number;
}

/**
 * The fields of ustar (POSIX.1-1988), of GNU, star and v7, in the block at `at`. Whatever does not hold
 * together is a fault: a wrong checksum, a number that is none, a size that can't be.
 */
export function parseHeader(bytes: Buffer, at: number): RawHeader {
  checkSum(bytes, at);
  const format = formatOf(bytes, at);
  const flag = String.fromCharCode(bytes[at + 156] ?? 0);
  const name = cString(bytes, at, 100);
  const prefix = prefixOf(bytes, at, format);
  const device = format !== "v7" && (flag === "3" || flag === "4");
  return {
    format,
    flag,
    name: prefix === "" ? name : (`${prefix}/${name}` as ByteString),
    link: cString(bytes, at + 157, 100),
    mode: numberField(bytes, at + 100, 8) & 0o7777,
    uid: numberField(bytes, at + 108, 8),
    gid: numberField(bytes, at + 116, 8),
    size: numberField(bytes, at + 124, 12),
    mtime: signedField(bytes, at + 136, 12),
    major: device ? numberField(bytes, at + 329, 8) : 0,
    minor: device ? numberField(bytes, at + 337, 8) : 0,
  };
}

export function isZeroBlock(bytes: Uint8Array, at: number): boolean {
  for (let index = at; index < at + BLOCK; index += 1) if (bytes[index] !== 0) return false;
  return true;
}

/** Four bytes a turn: half of what a header costs is this sum. */
function checkSum(bytes: Uint8Array, at: number): void {
  let sum = 8 * 0x20;
  for (let index = at; index < at + BLOCK; index += 4) {
    sum += (bytes[index] ?? 0) + (bytes[index + 1] ?? 0);
    sum += (bytes[index + 2] ?? 0) + (bytes[index + 3] ?? 0);
  }
  for (let index = at + 148; index < at + 156; index += 1) sum -= bytes[index] ?? 0;
  const stored = octalField(bytes, at + 148, 8);
  if (stored !== sum && stored !== sum - 256 * highBytes(bytes, at)) {
    throw new TarFault("the header's checksum is wrong");
  }
}

/** Older tars summed signed characters: every byte above 127 counted 256 less. */
function highBytes(bytes: Uint8Array, at: number): number {
  let high = 0;
  for (let index = 0; index < BLOCK; index += 1) {
    if ((index < 148 || index >= 156) && (bytes[at + index] ?? 0) > 127) high += 1;
  }
  return high;
}

function formatOf(bytes: Uint8Array, at: number): RawHeader["format"] {
  if (reads(bytes, at + 257, "ustar\0")) {
    return reads(bytes, at + 508, "tar\0") ? "star" : "ustar";
  }
  return reads(bytes, at + 257, "ustar  \0") ? "gnu" : "v7";
}

function prefixOf(bytes: Buffer, at: number, format: RawHeader["format"]): string {
  if (format === "v7" || bytes[at + 345] === 0) return "";
  if (format === "gnu") return prefixOfOldGo(bytes, at);
  return cString(bytes, at + 345, format === "star" ? 131 : 155);
}

/**
 * Go before 1.8, and so the docker of its time, wrote ustar's prefix into GNU headers, over their
 * times. Go still reads those: what is no time there is a prefix.
 */
function prefixOfOldGo(bytes: Buffer, at: number): string {
  const times = isNumberField(bytes, at + 345, 12) && isNumberField(bytes, at + 357, 12);
  const prefix = times ? "" : cString(bytes, at + 345, 155);
  return isAscii(prefix) ? prefix : "";
}

/** Up to the first NUL, or all of the field. */
function cString(bytes: Buffer, at: number, length: number): ByteString {
  let end = at;
  while (end < at + length && bytes[end] !== 0) end += 1;
  return (end === at ? "" : bytes.toString("latin1", at, end)) as ByteString;
}

function reads(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
