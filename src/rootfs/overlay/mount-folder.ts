import { chmod, mkdir, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { onDisk } from "../../disk/disk-error.ts";
import { makeFolder } from "../../disk/folder.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { readMetadata, writeMetadata } from "../../disk/tree/metadata.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import type { OverlayMount } from "./mount-options.ts";

/**
 * What a mount needs of its own: `mounts/<id>` with short names for the directories of the stack, since
 * a hundred full paths are longer than a page, and what is written to it.
 */
export interface MountFolder {
  readonly path: string;
  /** Where the names of {@link names} are. */
  readonly links: string;
  readonly names: Pick<OverlayMount, "lower" | "upper" | "work">;
  /** An empty directory. */
  readonly empty: string;
}

/** `lower`: top first. */
export async function makeMountFolder(
  path: string,
  lower: readonly string[],
  { writable, kernel }: { readonly writable: boolean; readonly kernel: Kernel | undefined },
): Promise<MountFolder> {
  const links = join(path, "l");
  return onDisk("making room for a mount", path, async () => {
    await makeFolder(links);
    const names: string[] = [];
    for (const [position, directory] of lower.entries()) {
      const name = position.toString(36);
      await symlink(directory, join(links, name));
      names.push(name);
    }
    // Overlayfs takes no single directory that nobody writes to, and none at all never.
    const least = writable ? 1 : 2;
    for (const name of ["-0", "-1"]) {
      await makeEmpty(join(links, name));
      if (names.length < least) names.push(name);
    }
    const empty = join(links, "-0");
    if (!writable) return { path, links, empty, names: { lower: names } };
    await mkdir(join(links, "u"), { mode: 0o755 });
    await mkdir(join(links, "w"), { mode: 0o700 });
    likeTop(join(links, "u"), lower[0] ?? empty, kernel);
    return { path, links, empty, names: { lower: names, upper: "u", work: "w" } };
  });
}

/** May be all that is seen of an image without layers: like a root without an entry, whatever the umask. */
async function makeEmpty(path: string): Promise<void> {
  await mkdir(path);
  await chmod(path, 0o755);
  await utimes(path, 0, 0);
}

/** Where what is written to a mount goes. */
export function upperOf(path: string): string {
  return join(path, "l", "u");
}

/** The root of what is mounted is the upper directory: it takes after the image's. */
function likeTop(upper: string, top: string, kernel: Kernel | undefined): void {
  using from = openTree(top, kernel);
  using to = openTree(upper, kernel);
  const { stat, xattrs } = readMetadata(from.root, kernel);
  const kept = [...xattrs].filter(([name]) => !/^(?:trusted|user)\.overlay\./.test(name));
  writeMetadata(to.root, { stat, xattrs: new Map(kept) }, kernel);
}
