import { closeSync, constants, openSync, readSync } from "node:fs";
import { Watermark } from "../../content/watermark.ts";
import { diskError, errno } from "../../disk/disk-error.ts";
import { LadingError } from "../../errors.ts";
import type { Contact } from "./contact.ts";
import type { BlobRequest } from "./protocol.ts";

export type FollowedBlob = Pick<BlobRequest, "paths" | "arriving" | "size">;

const SLICE = 512 * 1024;
/** How long a wait may last before the caller is asked whether it still wants the blob. */
const WAIT_MS = 100;

/**
 * Reads a blob from its beginning to its end, waiting for bytes that have not arrived. `false` when
 * they never will: the download began again, or ended without them. Blocks the thread, a worker's.
 */
export function followBlob(
  blob: FollowedBlob,
  contact: Pick<Contact, "wanted" | "stalled">,
  sink: (bytes: Uint8Array) => void,
): boolean {
  const fd = openFirst(blob.paths);
  if (fd === undefined) return false;
  try {
    const buffer = Buffer.allocUnsafe(Math.min(SLICE, Math.max(1, blob.size)));
    const arriving = blob.arriving && {
      generation: blob.arriving.generation,
      watermark: new Watermark(blob.arriving.watermark),
    };
    for (let at = 0; at < blob.size; ) {
      contact.wanted();
      const ready = arriving === undefined ? blob.size : readyBytes(arriving, at);
      if (ready === undefined) return false;
      contact.stalled(ready <= at);
      if (ready <= at) continue;
      const got = readSync(fd, buffer, 0, Math.min(buffer.length, ready - at), at);
      if (got === 0) throw cutShort(blob.paths);
      sink(buffer.subarray(0, got));
      at += got;
    }
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Waits a while for more than `at` bytes; `undefined` when this generation brings no more. */
function readyBytes(
  { watermark, generation }: { readonly watermark: Watermark; readonly generation: number },
  at: number,
): number | undefined {
  if (watermark.contiguous <= at && watermark.state === "open") watermark.wait(at, WAIT_MS);
  const { contiguous, state } = watermark;
  if (watermark.generation !== generation) return undefined;
  if (contiguous <= at && state === "failed") return undefined;
  return contiguous;
}

/** An ingest file is renamed when it is whole: then it is the next of the paths. */
function openFirst(paths: readonly string[]): number | undefined {
  for (const path of paths) {
    try {
      return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (errno(error) !== "ENOENT") throw diskError(error, "reading a blob", path);
    }
  }
  return undefined;
}

function cutShort(paths: readonly string[]): LadingError {
  return new LadingError("store-corrupt", "a blob is shorter than it was when it was verified", {
    path: paths.at(-1),
    hint: "run: lading store verify --repair",
  });
}
