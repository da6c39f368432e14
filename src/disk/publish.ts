import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { onDisk } from "./disk-error.ts";
import { FILE_MODE, syncFolder } from "./folder.ts";

/**
 * Makes a finished file visible under its name: bytes, then name, each safe before the next. What
 * `between` does is done when the bytes are safe.
 */
export async function publish(
  file: FileHandle,
  from: string,
  to: string,
  between?: () => Promise<void>,
): Promise<void> {
  await onDisk("publishing a file of the store", to, async () => {
    await file.sync();
    await between?.();
    await rename(from, to);
  });
  await syncFolder(dirname(to));
}

/** Replaces a small file as a whole: a reader sees the old or the new, never a mixture. */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  doing = "writing a file of the store",
): Promise<void> {
  const temporary = temporaryName(path);
  await onDisk(doing, path, async () => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = await open(temporary, flags, FILE_MODE);
    try {
      await file.writeFile(bytes);
      await publish(file, temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  });
}

const TEMPORARY = /\.tmp-[0-9a-f]{16}$/;

/** The one place where temporary names are made. */
function temporaryName(path: string): string {
  return `${path}.tmp-${randomBytes(8).toString("hex")}`;
}

/** Whether a file was left by a replacement that did not end. */
export function isTemporary(path: string): boolean {
  return TEMPORARY.test(path);
}
