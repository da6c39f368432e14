import type { ByteString } from "./byte-string.ts";
import type { TarEntryType } from "./entry.ts";
import { TarFault } from "./fault.ts";
import type { RawHeader } from "./header.ts";
import type { MetaHeaders } from "./meta-headers.ts";
import { type PaxRecords, paxTime } from "./pax-records.ts";
import type { ReadEntry } from "./read-entry.ts";
import { checkSparse, type DataSpan, type Sparse, type SparseMap, sparseOf } from "./sparse.ts";

/** What an entry's headers come to, before a sparse map that may stand behind them. */
export interface Draft {
  readonly header: RawHeader;
  readonly meta: MetaHeaders;
  readonly type: TarEntryType;
  readonly path: ByteString;
  /** Bytes that follow in the archive. */
  readonly archived: number;
  readonly sparse: Sparse | undefined;
}

/** Puts an entry's own header and those before it together; pax wins everywhere. */
export function draftEntry(header: RawHeader, meta: MetaHeaders): Draft {
  const size = meta.number("size", header.size);
  const path = meta.record("GNU.sparse.name") ?? meta.path(header.name);
  const type = typeOf(header.flag, path, Math.max(size, header.size));
  const sparse = sparseOf(header, meta.pax, type === "file");
  // Some readers skip as many bytes, others none. A header's own size is common there, and means none.
  if (type !== "file" && meta.number("size", 0) > 0)
    throw new TarFault("only a file has a pax size");
  return {
    header,
    meta,
    type,
    path: checkPath(path, type),
    // As Go has it: only files are followed by content, whatever the headers of others say.
    archived: type === "file" ? size : 0,
    sparse,
  };
}

/** `archived` counts the content alone, without a map in front of it. */
export function buildEntry(
  { header, meta, type, path }: Draft,
  map: SparseMap | undefined,
  archived: number,
  number: number,
  offset: number,
): ReadEntry {
  const checked = map && checkSparse(map, archived);
  const mtime = meta.record("mtime");
  return {
    number,
    offset,
    type,
    path,
    linkPath: linkPathOf(header, meta, type),
    size: checked?.size ?? archived,
    data: checked?.spans ?? (archived === 0 ? NO_DATA : [{ offset: 0, length: archived }]),
    mode: header.mode,
    uid: checkId("uid", meta.number("uid", header.uid)),
    gid: checkId("gid", meta.number("gid", header.gid)),
    mtimeNs: mtime === undefined ? BigInt(header.mtime) * 1_000_000_000n : paxTime(mtime),
    device: deviceOf(header, meta, type),
    xattrs: xattrsOf(meta.pax),
  };
}

const NO_DATA: readonly DataSpan[] = [];
const NO_DEVICE = { major: 0, minor: 0 } as const;
const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map();
const XATTR = "SCHILY.xattr.";

/** 2^32 - 1 means "unchanged" to chown(2); beyond it ids wrap round (CVE-2024-40635). */
const LARGEST_ID = 2 ** 32 - 2;
const LARGEST_DEVICE = 2 ** 32 - 1;

function typeOf(flag: string, path: ByteString, size: number): TarEntryType {
  switch (flag) {
    case "0":
    case "\0":
    case "7":
      // The convention of v7, which had no directories: a name that ends in a slash.
      if (!path.endsWith("/")) return "file";
      if (size > 0) throw new TarFault("it is a directory with content");
      return "directory";
    case "S":
      return "file";
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    case "3":
      return "character-device";
    case "4":
      return "block-device";
    case "5":
      return "directory";
    case "6":
      return "fifo";
    default:
      throw new TarFault(`it is of an unknown type, ${JSON.stringify(flag)}`);
  }
}

/** A directory without a name is the root, to GNU tar and to Go. */
function checkPath(path: ByteString, type: TarEntryType): ByteString {
  if (path !== "") return path;
  if (type === "directory") return "." as ByteString;
  throw new TarFault("it has no name");
}

function linkPathOf(header: RawHeader, meta: MetaHeaders, type: TarEntryType): ByteString {
  if (type !== "symlink" && type !== "hardlink") return "" as ByteString;
  const linkPath = meta.linkPath(header.link);
  if (linkPath === "") throw new TarFault("it is a link to nothing");
  return linkPath;
}

function checkId(key: string, id: number): number {
  if (id > LARGEST_ID) throw new TarFault(`its ${key} is larger than any`);
  return id;
}

function deviceOf(header: RawHeader, meta: MetaHeaders, type: TarEntryType): ReadEntry["device"] {
  if (type !== "character-device" && type !== "block-device") return NO_DEVICE;
  const major = meta.number("SCHILY.devmajor", header.major);
  const minor = meta.number("SCHILY.devminor", header.minor);
  if (major > LARGEST_DEVICE || minor > LARGEST_DEVICE) {
    throw new TarFault("its device number is larger than any");
  }
  return { major, minor };
}

function xattrsOf(pax: PaxRecords | undefined): ReadonlyMap<ByteString, Uint8Array> {
  if (pax === undefined) return NO_XATTRS;
  let xattrs: Map<ByteString, Uint8Array> | undefined;
  for (const [key, value] of pax) {
    if (!key.startsWith(XATTR)) continue;
    if (key.length === XATTR.length) throw new TarFault("an attribute has no name");
    xattrs ??= new Map();
    xattrs.set(key.slice(XATTR.length) as ByteString, Buffer.from(value, "latin1"));
  }
  return xattrs ?? NO_XATTRS;
}
