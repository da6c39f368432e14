import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { errno } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import { joined, nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import { LadingError } from "../../errors.ts";
import { type ByteString, byteString, byteStringOf } from "../../tar/byte-string.ts";
import type { ReadImageFile } from "./accounts.ts";

/** As the kernel has it (path_resolution(7)). */
const MAX_LINKS = 40;

/** Runs work that reads files of an unpacked image: links lead wherever they do inside its root. */
export function readingImage<T>(
  rootfs: string,
  kernel: Kernel | undefined,
  work: (read: ReadImageFile) => T,
): T {
  using tree = openTree(rootfs, kernel);
  return work((path, limit) => readFile(tree, byteStringOf(path), limit));
}

function readFile(tree: Tree, path: ByteString, limit: number): Uint8Array | undefined {
  try {
    const fd = openFile(tree, path);
    if (fd === undefined) return undefined;
    try {
      return fstatSync(fd).isFile() ? readUpTo(fd, limit + 1) : undefined;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The tree never follows a last component, so each link there is another path to look at. */
function openFile(tree: Tree, path: ByteString): number | undefined {
  let wanted = path;
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const name = nameOf(wanted);
    if (name === "" || name === "." || name === "..") return undefined;
    using parent = tree.resolve(parentOf(wanted));
    const at = parent.at(name);
    if (!lstatSync(at).isSymbolicLink()) {
      // A FIFO would wait for somebody to write, a link that has come by now would lead elsewhere.
      return openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    }
    const target = byteString(readlinkSync(at, { encoding: "buffer" }));
    wanted = target.startsWith("/") ? target : joined(parent.path, target);
  }
  return undefined;
}

function readUpTo(fd: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(length, fstatSync(fd).size));
  let at = 0;
  while (at < bytes.length) {
    const read = readSync(fd, bytes, at, bytes.length - at, at);
    if (read === 0) break;
    at += read;
  }
  return bytes.subarray(0, at);
}

/** A path that leads nowhere, or through something that is no directory. */
function isMissing(error: unknown): boolean {
  if (error instanceof LadingError) return error.code === "malformed";
  return ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"].includes(errno(error) ?? "");
}
