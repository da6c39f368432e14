import { mkdir, open } from "node:fs/promises";
import { onDisk } from "./disk-error.ts";

/** Only the owner may look in: setuid files of a layer must be of no use to others (CVE-2021-41091). */
export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;

export async function makeFolder(path: string): Promise<void> {
  await onDisk("making a folder of the store", path, () =>
    mkdir(path, { recursive: true, mode: FOLDER_MODE }),
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
