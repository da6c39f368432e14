import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { errno, onDisk } from "./disk-error.ts";

/** Only the owner may look in: setuid files of a layer must be of no use to others (CVE-2021-41091). */
export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

export async function makeFolder(path: string): Promise<void> {
  await onDisk("making a folder of the store", path, async () => {
    try {
      await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    } catch (error) {
      // Node says ENOENT where the nearest parent is on a read-only file system: ask for one level.
      if (errno(error) === "ENOENT") await makeParent(path);
      throw error;
    }
  });
}

async function makeParent(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (error) {
    if (errno(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeParent(dirname(path));
  }
}

/** Makes names that were created, renamed or removed in a folder survive a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  await onDisk("syncing a folder of the store", path, async () => {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  });
}
