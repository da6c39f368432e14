import { randomBytes } from "node:crypto";
import { lstat, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onDisk } from "./disk-error.ts";

/**
 * Which names a file system takes for one: `none`; `spelling`, an é of one character and an é of two
 * (macOS, even where it tells case apart); `case`, `A` and `a` too (macOS, Windows, casefold on ext4).
 */
export type NameFolding = "none" | "spelling" | "case";

export type NameFoldingProbe = (folder: string) => Promise<NameFolding>;

/** Tries it in a folder; `isThere` is for tests of file systems that this machine does not have. */
export function nameFolding(
  folder: string,
  isThere: (path: string) => Promise<boolean> = exists,
): Promise<NameFolding> {
  const name = `.lading-probe-${randomBytes(8).toString("hex")}-é`;
  const path = join(folder, name);
  return onDisk("looking what names a file system takes", folder, async () => {
    await writeFile(path, "", { flag: "wx", mode: 0o600 });
    try {
      // Some fold nothing but ASCII (vfat, xfs): the é has to stay as it is.
      if (await isThere(join(folder, name.replace(/[a-z]/g, upper)))) return "case";
      return (await isThere(join(folder, name.normalize("NFD")))) ? "spelling" : "none";
    } finally {
      await rm(path, { force: true });
    }
  });
}

function upper(letter: string): string {
  return letter.toUpperCase();
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
