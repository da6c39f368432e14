import { lstatSync } from "node:fs";
import { errno } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import type { ByteString } from "../../tar/byte-string.ts";

export interface Hidden {
  readonly whiteouts: readonly ByteString[];
  readonly opaques: readonly ByteString[];
}

const NOTHING = new Uint8Array(0);
const YES = new TextEncoder().encode("y");
const DOT = "." as ByteString;

/**
 * Puts a layer's whiteouts into its tree the way overlayfs reads them: a character device 0:0 in the
 * place of a name, an attribute on a directory that hides those below (kernel, overlayfs.rst). A
 * directory with whiteouts says so in another one: where no other layer has the directory, overlayfs
 * would list their names otherwise.
 */
export function writeOverlayNodes(
  tree: Tree,
  kernel: Kernel,
  namespace: "trusted" | "user",
  { whiteouts, opaques }: Hidden,
): void {
  const opaque = `${namespace}.overlay.opaque` as ByteString;
  const origin = `${namespace}.overlay.origin` as ByteString;
  const mark = (path: ByteString): void => {
    const name = path === "" ? DOT : nameOf(path);
    kernel.setXattr(tree.directory(parentOf(path)).at(name), opaque, YES);
  };
  for (const path of opaques) mark(path);
  for (const path of whiteouts) {
    const at = tree.directory(parentOf(path)).at(nameOf(path));
    const found = lstatSync(at, { throwIfNoEntry: false });
    // The layer has the name itself: a directory must not be merged; all else hides what is below.
    if (found?.isDirectory()) mark(path);
    else if (found === undefined) {
      kernel.makeNode(at, "character-device", { major: 0, minor: 0 });
      kernel.setXattr(tree.directory(parentOf(path)).at(DOT), origin, NOTHING);
    }
  }
}

/** Whether a directory's file system takes these nodes; on an overlay `mknod 0:0` is refused. */
export function takesOverlayNodes(
  tree: Tree,
  kernel: Kernel,
  namespace: "trusted" | "user",
): boolean {
  const name = ".lading-probe" as ByteString;
  const at = tree.root.at(name);
  try {
    tree.remove(tree.root, name);
    kernel.makeNode(at, "character-device", { major: 0, minor: 0 });
    tree.remove(tree.root, name);
    const opaque = `${namespace}.overlay.opaque` as ByteString;
    kernel.setXattr(tree.root.at(DOT), opaque, YES);
    kernel.removeXattr(tree.root.at(DOT), opaque);
    return true;
  } catch (error) {
    if (errno(error) === undefined) throw error;
    return false;
  }
}
