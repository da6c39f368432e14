import { type ByteString, byteString } from "./byte-string.ts";
import { TarFault } from "./fault.ts";

/** Records in order, doubles included: sparse 0.0 means something by them. */
export type PaxRecords = readonly (readonly [key: string, value: ByteString])[];

/**
 * The records of a pax header (POSIX.1-2001): `LENGTH KEY=VALUE\n`, LENGTH counting all of it. One that
 * does not hold together is a fault: a reader that skips it sees other entries than one that does not
 * (CVE-2025-62518 and its kin).
 */
export function parsePax(bytes: Uint8Array): PaxRecords {
  const records: [string, ByteString][] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = decimalLength(byteString(bytes.subarray(at, Math.min(space, at + 20))));
    const end = at + length;
    if (space < 0 || length <= space - at + 2 || end > bytes.length || bytes[end - 1] !== 0x0a) {
      throw new TarFault("a pax record has a wrong length");
    }
    const body = bytes.subarray(space + 1, end - 1);
    const equals = body.indexOf(0x3d);
    if (equals < 1) throw new TarFault("a pax record has no key");
    records.push([byteString(body.subarray(0, equals)), byteString(body.subarray(equals + 1))]);
    at = end;
  }
  return records;
}

function decimalLength(text: string): number {
  if (!/^[1-9][0-9]{0,15}$/.test(text)) throw new TarFault("a pax record has no length");
  return Number(text);
}

/** A whole number, as `size`, `uid` and `gid` are written. */
export function paxNumber(value: string): number {
  const number = /^(?:0|[1-9][0-9]{0,19})$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new TarFault("a pax record holds no number");
  return number;
}

/** Seconds with a fraction, in nanoseconds; what is finer is cut off towards the past. */
export function paxTime(value: string): bigint {
  const match = /^(-?)([0-9]{1,17})(?:\.([0-9]*))?$/.exec(value);
  if (match === null) throw new TarFault("a pax record holds no time");
  const [, sign, seconds = "0", fraction = ""] = match;
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return ns;
  return /[1-9]/.test(fraction.slice(9)) ? -ns - 1n : -ns;
}
