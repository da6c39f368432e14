import { LadingError } from "../errors.ts";
import { type ByteString, byteString, byteStringOf } from "./byte-string.ts";
import type { RawNames, TarEntry, TarEntryType } from "./entry.ts";
import { type NamedEntry, paxRecords } from "./pax.ts";

const BLOCK = 512;

/** An entry with its content, for archives that are small enough to hold. */
export interface TarFile extends TarEntry {
  /** All of it; of a file with holes, what its parts hold, end to end. */
  readonly content?: Uint8Array;
}

/** A whole archive in memory, in the order given: the same entries make the same bytes. */
export function createTar(files: Iterable<RawNames<TarFile>>): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const file of files) {
    const length = file.content?.length ?? 0;
    blocks.push(tarHeader(file.data === undefined ? { ...file, size: length } : file));
    if (file.content !== undefined) blocks.push(file.content, tarPadding(length));
  }
  blocks.push(tarEnd());
  return Buffer.concat(blocks);
}

/**
 * What stands before an entry's content: a ustar header (POSIX.1-1988), preceded by a pax header
 * (POSIX.1-2001) where ustar can't say it: long or non-ASCII names, large sizes and ids, fractions of a
 * second, xattrs, holes; and followed by the map of the holes (GNU's sparse format 1.0). Nothing of the
 * writer (no user name, no time of its own) gets in.
 */
export function tarHeader(entry: RawNames<TarEntry>): Uint8Array {
  const path = nameOf(entry.path);
  const named: NamedEntry = {
    ...entry,
    path: entry.type === "directory" ? (path.replace(/\/*$/, "/") as ByteString) : path,
    linkPath: nameOf(entry.linkPath ?? ""),
  };
  const map = sparseMap(named);
  const archived = named.data?.reduce((sum, { length }) => sum + length, map.length);
  const size = archived ?? named.size ?? 0;
  const records = paxRecords(named, size);
  const header = ustarHeader(named, size, TYPE_FLAGS[entry.type]);
  if (records.length === 0) return Buffer.concat([header, map]);
  const pax = {
    path: byteStringOf("PaxHeader"),
    linkPath: byteStringOf(""),
    type: "file",
  } as const;
  return Buffer.concat([
    ustarHeader({ ...pax, mode: 0o644 }, records.length, "x"),
    records,
    tarPadding(records.length),
    header,
    map,
  ]);
}

/**
 * How many spans, then where each begins and how long it is, a line each, in whole blocks. A hole at the
 * end wants an empty span behind it: GNU tar would cut the file off.
 */
function sparseMap({ data, size = 0 }: NamedEntry): Uint8Array {
  if (data === undefined) return new Uint8Array();
  const spans = [...data, { offset: size, length: 0 }];
  const numbers = [spans.length, ...spans.flatMap(({ offset, length }) => [offset, length])];
  const lines = Buffer.from(numbers.map((number) => `${number}\n`).join(""));
  return Buffer.concat([lines, tarPadding(lines.length)]);
}

/** Zeros up to the next block. */
function tarPadding(size: number): Uint8Array {
  return new Uint8Array(Math.ceil(size / BLOCK) * BLOCK - size);
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

/** The field layout of POSIX.1-1988; what does not fit stands in the pax header and is cut here. */
function ustarHeader(entry: NamedEntry, size: number, flag: string): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  const seconds = Number((entry.mtimeNs ?? 0n) / 1_000_000_000n);
  text(header, 0, 100, entry.path);
  octal(header, 100, 8, entry.mode ?? (entry.type === "directory" ? 0o755 : 0o644));
  octal(header, 108, 8, entry.uid ?? 0);
  octal(header, 116, 8, entry.gid ?? 0);
  octal(header, 124, 12, entry.type === "file" ? size : 0);
  octal(header, 136, 12, Math.max(0, seconds));
  text(header, 148, 8, "        ");
  text(header, 156, 1, flag);
  text(header, 157, 100, entry.linkPath);
  text(header, 257, 8, "ustar\x0000");
  octal(header, 329, 8, entry.device?.major ?? 0);
  octal(header, 337, 8, entry.device?.minor ?? 0);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  text(header, 148, 8, `${checksum.toString(8).padStart(6, "0")}\0 `);
  return header;
}

function nameOf(name: string | Uint8Array): ByteString {
  const bytes = typeof name === "string" ? byteStringOf(name) : byteString(name);
  if (bytes.includes("\0")) throw new LadingError("malformed", "a name in a tar can't hold NUL");
  return bytes;
}

function text(header: Buffer, at: number, length: number, value: string): void {
  header.write(value, at, length, "latin1");
}

function octal(header: Buffer, at: number, length: number, value: number): void {
  const digits = value.toString(8);
  const fits = digits.length < length ? digits : "0";
  text(header, at, length, `${fits.padStart(length - 1, "0")}\0`);
}
