import { linkSync, lstatSync, readlinkSync, symlinkSync } from "node:fs";
import type { Path } from "../kernel/kernel.ts";

/**
 * Gives a file another name. macOS would follow a symbolic link and put the file that it leads to, which
 * may be anyone's, into the tree: there the link is made again instead.
 */
export function hardLink(from: Path, to: Path, platform: NodeJS.Platform = process.platform): void {
  if (platform !== "linux" && lstatSync(from).isSymbolicLink()) {
    symlinkSync(readlinkSync(from, { encoding: "buffer" }), to);
  } else linkSync(from, to);
}
