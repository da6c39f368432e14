import { statSync } from "node:fs";
import { type ByteString, byteStringOf } from "../../tar/byte-string.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { type OpenDirectory, openByDescriptor, openByPath } from "./directory.ts";
import { removeEntrySlowly } from "./remove.ts";
import { Tree } from "./tree.ts";

/** Opens the tree below a directory of ours. */
export function openTree(path: string, kernel: Kernel | undefined): Tree {
  return new Tree(path, { kernel, openDirectory: opener() });
}

/** Removes a name of a directory of ours and all below it, on a thread that has other things to do. */
export async function removeSlowly(directory: string, name: string): Promise<void> {
  const openDirectory = opener();
  using parent = openDirectory(directory, "" as ByteString);
  await removeEntrySlowly(parent, byteStringOf(name), openDirectory);
}

function opener(): OpenDirectory {
  return hasDescriptors() ? openByDescriptor : openByPath;
}

/** Whether `/proc/self/fd` leads to what is open: on Linux, unless /proc is not mounted. */
function hasDescriptors(): boolean {
  if (process.platform !== "linux") return false;
  return statSync("/proc/self/fd", { throwIfNoEntry: false }) !== undefined;
}
