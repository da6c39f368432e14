import { type ByteString, byteString } from "./byte-string.ts";
import { TarFault } from "./fault.ts";

/** By key; of records with one key the last counts. */
export type PaxRecords = ReadonlyMap<string, ByteString>;

/**
 * The records of a pax header (POSIX.1-2001): `LENGTH KEY=VALUE\n`, LENGTH counting all of it. One that
 * does not hold together is a fault: a reader that skips it sees other entries than one that does not
 * (CVE-2026-32766 and its kin). Sparse 0.0, which says the same keys over and over, comes out as 0.1.
 */
export function parsePax(bytes: Uint8Array): PaxRecords {
  const records = new Map<string, ByteString>();
  const spans: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = decimalLength(byteString(bytes.subarray(at, Math.min(space, at + 20))));
    const end = at + length;
    if (space < 0 || length <= space - at + 2 || end > bytes.length || bytes[end - 1] !== 0x0a) {
      throw new TarFault("a pax record has a wrong length");
    }
    const body = byteString(bytes.subarray(space + 1, end - 1));
    const equals = body.indexOf("=");
    if (equals < 1) throw new TarFault("a pax record has no key");
    const key = body.slice(0, equals);
    const value = body.slice(equals + 1) as ByteString;
    checkNul(key, value);
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      const wanted = spans.length % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes";
      if (key !== wanted) throw new TarFault("its sparse map is not in pairs");
      spans.push(value);
    } else records.set(key, value);
    at = end;
  }
  if (spans.length === 0) return records;
  if (records.has("GNU.sparse.map")) throw new TarFault("it has two sparse maps");
  return records.set("GNU.sparse.map", spans.join(",") as ByteString);
}

const NAMES: ReadonlySet<string> = new Set(["path", "linkpath", "GNU.sparse.name"]);

/** A reader in C sees the part before a NUL: another key, another name. */
function checkNul(key: string, value: string): void {
  if (key.includes("\0")) throw new TarFault("a pax key holds a NUL");
  if (NAMES.has(key) && value.includes("\0")) throw new TarFault(`its ${key} holds a NUL`);
}

function decimalLength(text: string): number {
  if (!/^[1-9][0-9]{0,15}$/.test(text)) throw new TarFault("a pax record has no length");
  return Number(text);
}

/** A whole number, as `size`, `uid` and `gid` are written. */
export function paxNumber(value: string): number {
  const number = /^[0-9]{1,19}$/.test(value) ? Number(value) : Number.NaN;
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
