import { type ByteString, byteString } from "./byte-string.ts";
import { TarFault } from "./fault.ts";

export const BLOCK = 512;

/** One header block, its fields read and nothing decided. */
export interface RawHeader {
  readonly flag: string;
  /** With ustar's prefix. */
  readonly name: ByteString;
  readonly link: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (const byte of block) if (byte !== 0) return false;
  return true;
}

/**
 * The fields of ustar (POSIX.1-1988), of GNU, star and v7. Whatever does not hold together is a fault:
 * a wrong checksum, a number that is none, a size that can't be.
 */
export function parseHeader(block: Uint8Array): RawHeader {
  checkSum(block);
  const format = formatOf(block);
  const prefix = format.prefix === 0 ? "" : cString(block, 345, format.prefix);
  const name = cString(block, 0, 100);
  const devices = format.name === "v7" ? [0, 0] : [number(block, 329, 8), number(block, 337, 8)];
  return {
    flag: String.fromCharCode(block[156] ?? 0),
    name: (prefix === "" ? name : `${prefix}/${name}`) as ByteString,
    link: cString(block, 157, 100),
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: number(block, 136, 12, "signed"),
    major: devices[0] ?? 0,
    minor: devices[1] ?? 0,
  };
}

/** Older tars summed signed characters. */
function checkSum(block: Uint8Array): void {
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < BLOCK; at += 1) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const stored = number(block, 148, 8);
  if (stored !== unsigned && stored !== signed)
    throw new TarFault("the header's checksum is wrong");
}

function formatOf(block: Uint8Array): { readonly name: string; readonly prefix: number } {
  const magic = byteString(block.subarray(257, 265));
  if (magic === "ustar  \0") return { name: "gnu", prefix: 0 };
  if (!magic.startsWith("ustar\0")) return { name: "v7", prefix: 0 };
  const star = byteString(block.subarray(508, 512)) === "tar\0";
  return star ? { name: "star", prefix: 131 } : { name: "ustar", prefix: 155 };
}

/** Up to the first NUL, or all of the field. */
export function cString(block: Uint8Array, at: number, length: number): ByteString {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return byteString(end < 0 ? field : field.subarray(0, end));
}

/** Octal digits between spaces and NULs, or GNU's base-256 where the first bit is set. */
export function number(
  block: Uint8Array,
  at: number,
  length: number,
  sign: "signed" | "unsigned" = "unsigned",
): number {
  const first = block[at] ?? 0;
  const value = first & 0x80 ? base256(block, at, length) : octal(block, at, length);
  if (!Number.isSafeInteger(value) || (sign === "unsigned" && value < 0)) {
    throw new TarFault("a number in the header is out of range");
  }
  return value;
}

function octal(block: Uint8Array, at: number, length: number): number {
  const text = byteString(block.subarray(at, at + length));
  const [, digits] = /^[ \0]*([0-7]*)[ \0]*$/.exec(text) ?? [];
  if (digits === undefined) throw new TarFault("a number in the header is not octal");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** Two's complement, big endian; the first bit is the mark, the second the sign. */
function base256(block: Uint8Array, at: number, length: number): number {
  const first = block[at] ?? 0;
  let value = first & 0x40 ? BigInt(first & 0x7f) - 128n : BigInt(first & 0x3f);
  for (let index = 1; index < length; index += 1)
    value = value * 256n + BigInt(block[at + index] ?? 0);
  return Number(value);
}
