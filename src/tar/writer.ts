import { LadingError } from "../errors.ts";
import type { TarEntry, TarEntryType } from "./entry.ts";
import { paxRecords } from "./pax.ts";

const BLOCK = 512;

/** An entry with its content, for archives that are small enough to hold. */
export interface TarFile extends TarEntry {
  readonly content?: Uint8Array;
}

/** A whole archive in memory, in the order given: the same entries make the same bytes. */
export function createTar(files: Iterable<TarFile>): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const file of files) {
    const size = file.content?.length ?? 0;
    blocks.push(tarHeader({ ...file, size }));
    if (file.content !== undefined) blocks.push(file.content, tarPadding(size));
  }
  blocks.push(tarEnd());
  return Buffer.concat(blocks);
}

/**
 * The header blocks of an entry: ustar (POSIX.1-1988), preceded by a pax header (POSIX.1-2001) where
 * ustar can't say it: long or non-ASCII names, large sizes and ids, fractions of a second, xattrs.
 * Nothing of the writer (no user name, no time of its own) gets in.
 */
export function tarHeader(entry: TarEntry): Uint8Array {
  const path = entry.type === "directory" ? entry.path.replace(/\/*$/, "/") : entry.path;
  for (const text of [path, entry.linkPath ?? ""]) {
    if (text.includes("\0")) throw new LadingError("malformed", "a name in a tar can't hold NUL");
  }
  const named = { ...entry, path };
  const records = paxRecords(named);
  if (records.length === 0) return ustarHeader(named, TYPE_FLAGS[entry.type]);
  const pax = { path: "PaxHeader", type: "file", size: records.length, mode: 0o644 } as const;
  const body = new Uint8Array(padded(records.length));
  body.set(records);
  return Buffer.concat([ustarHeader(pax, "x"), body, ustarHeader(named, TYPE_FLAGS[entry.type])]);
}

/** Zeros up to the next block. */
function tarPadding(size: number): Uint8Array {
  return new Uint8Array(padded(size) - size);
}

/** Two blocks of zeros. */
function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

const TYPE_FLAGS: Readonly<Record<TarEntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
};

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** The field layout of POSIX.1-1988; what does not fit stands in the pax header and is cut here. */
function ustarHeader(entry: TarEntry, flag: string): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const seconds = Number((entry.mtimeNs ?? 0n) / 1_000_000_000n);
  text(header, 0, 100, entry.path);
  octal(header, 100, 8, entry.mode ?? (entry.type === "directory" ? 0o755 : 0o644));
  octal(header, 108, 8, entry.uid ?? 0);
  octal(header, 116, 8, entry.gid ?? 0);
  octal(header, 124, 12, entry.type === "file" ? (entry.size ?? 0) : 0);
  octal(header, 136, 12, Math.max(0, seconds));
  text(header, 148, 8, "        ");
  text(header, 156, 1, flag);
  text(header, 157, 100, entry.linkPath ?? "");
  text(header, 257, 8, "ustar\x0000");
  octal(header, 329, 8, entry.device?.major ?? 0);
  octal(header, 337, 8, entry.device?.minor ?? 0);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  text(header, 148, 8, `${checksum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

function text(header: Uint8Array, at: number, length: number, value: string): void {
  header.set(new TextEncoder().encode(value).subarray(0, length), at);
}

function octal(header: Uint8Array, at: number, length: number, value: number): void {
  const digits = value.toString(8);
  const fits = digits.length < length ? digits : "0";
  text(header, at, length, `${fits.padStart(length - 1, "0")}\0`);
}
