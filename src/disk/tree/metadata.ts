import { type BigIntStats, chmodSync, chownSync, statSync } from "node:fs";
import type { ByteString } from "../../tar/byte-string.ts";
import type { Kernel, Path } from "../kernel/kernel.ts";
import type { Directory } from "./directory.ts";
import { makeAccessible } from "./remove.ts";
import { setTimes } from "./times.ts";

const DOT = "." as ByteString;

/** Owner, mode, times and attributes of a directory that is held open. */
export interface DirectoryMetadata {
  readonly stat: BigIntStats;
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

/** Its owner gets the right to look into it first, if he has not: the attributes can't be read before. */
export function readMetadata(directory: Directory, kernel: Kernel | undefined): DirectoryMetadata {
  const stat = statSync(directory.self, { bigint: true });
  if (process.geteuid?.() !== 0) makeAccessible(directory);
  return { stat, xattrs: readXattrs(directory.at(DOT), kernel) };
}

/** Makes a directory be like another one; what its attributes were is gone. */
export function writeMetadata(
  directory: Directory,
  { stat, xattrs }: DirectoryMetadata,
  kernel: Kernel | undefined,
): void {
  const { self } = directory;
  const at = directory.at(DOT);
  const now = statSync(self, { bigint: true });
  if (now.uid !== stat.uid || now.gid !== stat.gid) {
    chownSync(self, Number(stat.uid), Number(stat.gid));
  }
  for (const name of readXattrs(at, kernel).keys()) {
    if (!xattrs.has(name)) kernel?.removeXattr(at, name);
  }
  for (const [name, value] of xattrs) kernel?.setXattr(at, name, value);
  setTimes(at, stat.mtimeNs, kernel);
  // Last: it may forbid all of that.
  chmodSync(self, Number(stat.mode) & 0o7777);
}

export function readXattrs(
  path: Path,
  kernel: Kernel | undefined,
): ReadonlyMap<ByteString, Uint8Array> {
  if (kernel === undefined) return NONE;
  const names = kernel.listXattrs(path);
  if (names.length === 0) return NONE;
  const xattrs = new Map<ByteString, Uint8Array>();
  for (const name of names) {
    const value = kernel.getXattr(path, name);
    if (value !== undefined) xattrs.set(name, value);
  }
  return xattrs;
}

const NONE: ReadonlyMap<ByteString, Uint8Array> = new Map();
