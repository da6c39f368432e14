import { statSync } from "node:fs";
import { type ByteString, byteStringOf } from "../../tar/byte-string.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { type OpenDirectory, openByDescriptor, openByPath } from "./directory.ts";
import { removeEntrySlowly } from "./remove.ts";
import { Tree } from "./tree.ts";

export type OpenTree = (path: string, kernel: Kernel | undefined) => Tree;

/** Opens the tree below a directory of ours. */
export const openTree: OpenTree = (path, kernel) =>
  new Tree(path, { kernel, openDirectory: directoryOpener() });

/** Removes a name of a directory of ours and all below it, on a thread that has other things to do. */
export async function removeSlowly(directory: string, name: string): Promise<void> {
  const openDirectory = directoryOpener();
  using parent = openDirectory(directory, "" as ByteString);
  await removeEntrySlowly(parent, byteStringOf(name), openDirectory);
}

/** By descriptor where `/proc/self/fd` leads to what is open: on Linux, unless /proc is not mounted. */
export function directoryOpener(
  platform: NodeJS.Platform = process.platform,
  descriptors = "/proc/self/fd",
): OpenDirectory {
  if (platform !== "linux") return openByPath;
  const there = statSync(descriptors, { throwIfNoEntry: false }) !== undefined;
  return there ? openByDescriptor : openByPath;
}
