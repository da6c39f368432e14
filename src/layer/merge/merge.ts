import { existsSync, lstatSync, renameSync } from "node:fs";
import { join } from "node:path";
import { diskError, errno } from "../../disk/disk-error.ts";
import type { Kernel, Path } from "../../disk/kernel/kernel.ts";
import type { Directory } from "../../disk/tree/directory.ts";
import { hardLink } from "../../disk/tree/hard-link.ts";
import { readMetadata, writeMetadata } from "../../disk/tree/metadata.ts";
import { type OpenTree, openTree } from "../../disk/tree/open-tree.ts";
import { joined, nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import { LadingError } from "../../errors.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import { unpackLimits } from "../limits.ts";
import type { LayerLink, LayerMarks } from "../marks.ts";
import { readMarks } from "../record-files.ts";
import type { MergeRequest } from "../worker/protocol.ts";
import { type MergeOptions, MergeWalk } from "./merge-walk.ts";
import { noTarget } from "./no-target.ts";
import { TreeSpelling } from "./spelling.ts";

/**
 * Lays a staged layer over what is there, by renames: what the layers below do not have moves as a
 * whole, and only directories that both have are looked into.
 */
export function mergeLayer(
  { base, staging, folding, limits = unpackLimits }: MergeRequest,
  kernel: Kernel | undefined,
  wanted: () => void,
  open: OpenTree = openTree,
): void {
  try {
    const record = readMarks(staging);
    const rootfs = join(staging, "rootfs");
    if (!existsSync(base)) {
      for (const link of record.links) throw noTarget(link.path, link.target);
      renameSync(rootfs, base);
      return;
    }
    using below = open(base, kernel);
    using above = open(rootfs, kernel);
    makeLinks(record, { above, below, kernel, folding });
    new MergeWalk({ record, above, below, kernel, folding, limits, wanted }).merge();
  } catch (error) {
    throw diskError(error, "laying one layer over another", base);
  }
}

/** Links to files of the layers below are made first, so that a whiteout of the file comes too late. */
function makeLinks(
  { links }: LayerMarks,
  { above, below, kernel, folding }: Pick<MergeOptions, "above" | "below" | "kernel" | "folding">,
): void {
  const spelling = new TreeSpelling(below, folding);
  for (const [directory, inIt] of byDirectory(links)) {
    using parent = above.resolve(directory);
    // What is put into it now is no news to its time, and a mode without `w` is not in the way.
    const metadata = readMetadata(parent, kernel);
    for (const { path, target } of inIt) {
      const from = existing(below, target, spelling);
      if (from === undefined) throw noTarget(path, target);
      hardLink(from, parent.at(nameOf(path)));
    }
    writeMetadata(parent, metadata, kernel);
  }
}

function byDirectory(links: readonly LayerLink[]): ReadonlyMap<ByteString, readonly LayerLink[]> {
  const grouped = new Map<ByteString, LayerLink[]>();
  for (const link of links) {
    const directory = parentOf(link.path);
    const known = grouped.get(directory);
    if (known === undefined) grouped.set(directory, [link]);
    else known.push(link);
  }
  return grouped;
}

function existing(tree: Tree, path: ByteString, spelling: TreeSpelling): Path | undefined {
  const parent = existingParent(tree, path);
  if (parent === undefined) return undefined;
  const found = lstatSync(parent.at(nameOf(path)), { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return undefined;
  spelling.check(joined(parent.path, nameOf(path)));
  return tree.directory(parentOf(path)).at(nameOf(path));
}

function existingParent(tree: Tree, path: ByteString): Directory | undefined {
  try {
    return tree.directory(parentOf(path));
  } catch (error) {
    if (errno(error) === "ENOENT" || error instanceof LadingError) return undefined;
    throw error;
  }
}
