import { TarFault } from "./fault.ts";

/** A number in a header: octal digits, or GNU's base-256 where the first bit is set. */
export function numberField(block: Uint8Array, at: number, length: number): number {
  const value = signedField(block, at, length);
  if (value < 0) throw new TarFault("a number in the header is out of range");
  return value;
}

/** As `numberField`; a time may lie before the epoch. */
export function signedField(block: Uint8Array, at: number, length: number): number {
  if (((block[at] ?? 0) & 0x80) === 0) return octalField(block, at, length);
  const value = base256(block, at, length);
  if (!Number.isSafeInteger(value)) throw new TarFault("a number in the header is out of range");
  return value;
}

export function octalField(block: Uint8Array, at: number, length: number): number {
  const value = octal(block, at, length);
  if (Number.isNaN(value)) throw new TarFault("a number in the header is not octal");
  return value;
}

export function isNumberField(block: Uint8Array, at: number, length: number): boolean {
  return ((block[at] ?? 0) & 0x80) !== 0 || !Number.isNaN(octal(block, at, length));
}

/**
 * Spaces, digits, spaces, and nothing of interest behind a NUL. A field of NULs and spaces is zero;
 * digits behind a NUL are none to most readers, and to Go they count: not a number here.
 */
function octal(block: Uint8Array, at: number, length: number): number {
  const end = at + length;
  let index = at;
  while (index < end && block[index] === SPACE) index += 1;
  const first = index;
  let value = 0;
  for (; index < end; index += 1) {
    const digit = (block[index] ?? 0) - ZERO;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (index === first) return isBlank(block, index, end) ? 0 : Number.NaN;
  while (index < end && block[index] === SPACE) index += 1;
  return index === end || block[index] === 0 ? value : Number.NaN;
}

function isBlank(block: Uint8Array, from: number, end: number): boolean {
  for (let index = from; index < end; index += 1) {
    if (block[index] !== 0 && block[index] !== SPACE) return false;
  }
  return true;
}

/** Two's complement, big endian; the first bit is the mark, the second the sign. */
function base256(block: Uint8Array, at: number, length: number): number {
  const first = block[at] ?? 0;
  let value = first & 0x40 ? BigInt(first & 0x7f) - 128n : BigInt(first & 0x3f);
  for (let index = at + 1; index < at + length; index += 1) {
    value = value * 256n + BigInt(block[index] ?? 0);
  }
  return Number(value);
}

const SPACE = 0x20;
const ZERO = 0x30;
