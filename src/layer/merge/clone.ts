import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { type OpenTree, openTree } from "../../disk/tree/open-tree.ts";
import { copyMarks } from "../record-files.ts";
import type { CloneRequest } from "../worker/protocol.ts";
import { CloneWalk } from "./clone-walk.ts";

/** Makes a copy of an unpacked layer that is the caller's own, to be laid over others. */
export function cloneLayer(
  { from, staging, link, folding }: CloneRequest,
  kernel: Kernel | undefined,
  wanted: () => void,
  open: OpenTree = openTree,
): void {
  try {
    mkdirSync(staging, { mode: 0o700 });
    const rootfs = join(staging, "rootfs");
    mkdirSync(rootfs, { mode: 0o700 });
    using source = open(join(from, "rootfs"), kernel);
    using target = open(rootfs, kernel);
    new CloneWalk({ source, target, kernel, link, folding, wanted }).clone();
    copyMarks(from, staging);
  } catch (error) {
    throw diskError(error, "copying an unpacked layer", staging);
  }
}
