import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LadingError } from "../errors.ts";
import { onDisk } from "./disk-error.ts";

/**
 * Opens a regular file for reading. Never through a symbolic link, and never a device or a FIFO that
 * stands in its place: whoever can write into the store must not make us read elsewhere (ggcr #2306).
 */
export async function openRegular(path: string): Promise<FileHandle> {
  return onDisk("opening a file of the store", path, async () => {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(path, flags);
    const stat = await file.stat();
    if (stat.isFile()) return file;
    await file.close();
    throw new LadingError("disk", "a file of the store is not a regular file", {
      path,
      hint: "remove what stands in its place, then run: lading store verify",
    });
  });
}

/** The whole of a small file; `limit-exceeded` rather than more than `maxBytes`. */
export async function readRegular(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await openRegular(path);
  try {
    const { size } = await file.stat();
    if (size > maxBytes) {
      throw new LadingError(
        "limit-exceeded",
        `a file of ${size} bytes where ${maxBytes} are allowed`,
        {
          path,
        },
      );
    }
    return await onDisk("reading a file of the store", path, () => file.readFile());
  } finally {
    await file.close();
  }
}
