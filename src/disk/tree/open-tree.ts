import { statSync } from "node:fs";
import type { Kernel } from "../kernel/kernel.ts";
import { openByDescriptor, openByPath } from "./directory.ts";
import { Tree } from "./tree.ts";

/** Opens the tree below a directory of ours. */
export function openTree(path: string, kernel: Kernel | undefined): Tree {
  const openDirectory = hasDescriptors() ? openByDescriptor : openByPath;
  return new Tree(path, { kernel, openDirectory });
}

/** Whether `/proc/self/fd` leads to what is open: on Linux, unless /proc is not mounted. */
function hasDescriptors(): boolean {
  if (process.platform !== "linux") return false;
  return statSync("/proc/self/fd", { throwIfNoEntry: false }) !== undefined;
}
