import {
  chmodSync,
  closeSync,
  constants,
  type Dirent,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
} from "node:fs";
import { type ByteString, byteString } from "../../tar/byte-string.ts";
import { errno } from "../disk-error.ts";
import type { Path } from "../kernel/kernel.ts";
import type { Directory } from "./directory.ts";
import type { Tree } from "./tree.ts";

const DOT = "." as ByteString;

/** Brings every file and directory of a tree to the disk itself, children before their parents. */
export function syncTree(tree: Tree, wanted: () => void): void {
  syncBelow(tree, tree.root, wanted);
}

function syncBelow(tree: Tree, directory: Directory, wanted: () => void): void {
  wanted();
  for (const child of children(directory)) {
    const name = byteString(child.name);
    if (child.isDirectory()) {
      using below = tree.child(directory, name);
      syncBelow(tree, below, wanted);
    } else if (child.isFile()) syncOne(directory.at(name));
  }
  syncOne(directory.at(DOT));
}

/** What its owner may not read has to be made readable for a moment. */
function syncOne(path: Path): void {
  let fd: number;
  try {
    fd = openSync(path, READ);
  } catch (error) {
    if (errno(error) !== "EACCES") throw error;
    const { mode } = lstatSync(path);
    chmodSync(path, mode | 0o400);
    fd = openSync(path, READ);
    chmodSync(path, mode & 0o7777);
  }
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function children(directory: Directory): readonly Dirent<Buffer>[] {
  return readdirSync(directory.at(DOT), { encoding: "buffer", withFileTypes: true });
}
