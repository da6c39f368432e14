import { mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errno, onDisk } from "./disk-error.ts";

/** Only the owner may look in: setuid files of a layer must be of no use to others (CVE-2021-41091). */
export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

/** Makes a folder, and those above it that are missing; one that is there is left as it is. */
export async function makeFolder(path: string): Promise<void> {
  await onDisk("making a folder of the store", path, () => makeFolders(path, FOLDER_MODE));
}

/**
 * Level by level: Node's own `recursive` never ends where a file system says that nothing is there and
 * lets nothing be made (/proc), and says ENOENT where it is read-only.
 */
export async function makeFolders(path: string, mode: number): Promise<void> {
  if (await isMade(path, mode)) return;
  const above = dirname(path);
  if (above !== path) await makeFolders(above, mode);
  if (!(await isMade(path, mode))) await mkdir(path, { mode });
}

/** Whether it is there by now; `false`: a folder above is missing. */
async function isMade(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    const code = errno(error);
    if (code === "EEXIST" && (await isFolder(path))) return true;
    if (code === "ENOENT") return false;
    throw error;
  }
}

function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
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
