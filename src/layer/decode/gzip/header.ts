import { corrupt } from "../fault.ts";
import { crc32 } from "./crc32.ts";
import type { MemberInflater } from "./members.ts";

/** Decodes what follows a member's header: the deflate stream, and the trailer, which it checks. */
export interface BodyInflater {
  /** As {@link MemberInflater.write}. */
  write(bytes: Uint8Array, start: number): number;
  readonly ended: boolean;
  reset(): void;
}

const DEFLATE = 8;
const HEADER_CRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
const RESERVED = 0xe0;

/** A member inflater out of one that knows no header (RFC 1952, 2.3); as strict as zlib. */
export function withHeader(body: BodyInflater, truncated: () => Error): MemberInflater {
  let header = readHeader();
  let whole = false;
  return {
    write(bytes, start) {
      let at = start;
      while (!whole && at < bytes.length) {
        whole = header.next(bytes[at] ?? 0).done === true;
        at += 1;
      }
      return whole ? body.write(bytes, at) : at;
    },
    reset() {
      header = readHeader();
      header.next();
      whole = false;
      body.reset();
    },
    finish() {
      if (!body.ended) throw truncated();
    },
    close() {},
  };
}

/** Takes the header byte by byte, and is done with its last. */
function* readHeader(): Generator<undefined, void, number> {
  let crc = 0;
  const one = new Uint8Array(1);
  const take = (byte: number): number => {
    one[0] = byte;
    crc = crc32(one, crc);
    return byte;
  };
  take(yield);
  take(yield);
  if (take(yield) !== DEFLATE) throw corrupt("gzip", "unknown compression method");
  const flags = take(yield);
  if ((flags & RESERVED) !== 0) throw corrupt("gzip", "unknown header flags set");
  // Time, level, system.
  for (let at = 0; at < 6; at += 1) take(yield);
  if ((flags & EXTRA) !== 0) {
    const low = take(yield);
    const length = low | (take(yield) << 8);
    for (let at = 0; at < length; at += 1) take(yield);
  }
  for (const flag of [NAME, COMMENT]) {
    if ((flags & flag) === 0) continue;
    while (take(yield) !== 0);
  }
  if ((flags & HEADER_CRC) === 0) return;
  const expected = crc & 0xffff;
  const low = yield;
  if ((low | ((yield) << 8)) !== expected) throw corrupt("gzip", "header crc mismatch");
}
