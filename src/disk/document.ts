import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { LadingError } from "../errors.ts";
import { errno } from "./disk-error.ts";

/**
 * The whole of a small file that a person or a system put there: settings, certificates, credentials.
 * Links are followed, for secrets of Kubernetes are links; a device or a FIFO in its place is no file.
 * `undefined` when nothing is there.
 */
export async function readDocument(
  path: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) throw unreadable(path, "it is not a regular file");
    if (stat.size > maxBytes) throw tooLarge(path, maxBytes);
    return await bounded(file, path, maxBytes);
  } catch (error) {
    if (error instanceof LadingError) throw error;
    const code = errno(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unreadable(path, code === "EACCES" ? "permission denied" : (code ?? "failed"), error);
  } finally {
    await file?.close();
  }
}

/** Not by the size that the file had a moment ago: it may be growing. */
async function bounded(file: FileHandle, path: string, maxBytes: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(maxBytes + 1);
  let size = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, size, buffer.length - size);
    size += bytesRead;
    if (size > maxBytes) throw tooLarge(path, maxBytes);
    if (bytesRead === 0) return Uint8Array.from(buffer.subarray(0, size));
  }
}

function unreadable(path: string, why: string, cause?: unknown): LadingError {
  return new LadingError("disk", `reading a file: ${why}`, {
    path,
    cause,
    hint: "check that it is a file, and who may read it",
  });
}

function tooLarge(path: string, maxBytes: number): LadingError {
  return new LadingError("limit-exceeded", `a file larger than the ${maxBytes} bytes allowed`, {
    path,
  });
}
