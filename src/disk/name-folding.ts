import { randomBytes } from "node:crypto";
import { lstat, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onDisk } from "./disk-error.ts";

/**
 * Whether a folder's file system takes two names for one: `A` and `a` (macOS, Windows, casefold on
 * ext4), or an é of one character and an é of two.
 */
export function foldsNames(folder: string): Promise<boolean> {
  const name = `.lading-probe-${randomBytes(8).toString("hex")}-é`;
  const path = join(folder, name);
  const others = [name.toUpperCase(), name.normalize("NFD")].map((other) => join(folder, other));
  return onDisk("looking what names a file system takes", folder, async () => {
    await writeFile(path, "", { flag: "wx", mode: 0o600 });
    try {
      const found = await Promise.all(
        others.map((other) =>
          lstat(other).then(
            () => true,
            () => false,
          ),
        ),
      );
      return found.includes(true);
    } finally {
      await rm(path, { force: true });
    }
  });
}
