import type { Dirent } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { OpenContent, OpenRange } from "../../content/port.ts";
import { errno, onDisk } from "../../disk/disk-error.ts";
import { openRegular } from "../../disk/file.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import type { Layout } from "../layout.ts";

/**
 * Whether a blob is there with its size. Its digest was verified before it got its name; `store
 * verify` looks again.
 */
export async function hasBlob(layout: Layout, descriptor: Descriptor): Promise<boolean> {
  try {
    const found = await lstat(layout.blob(descriptor.digest));
    return found.isFile() && found.size === descriptor.size;
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return false;
    return onDisk("looking for a blob", layout.blob(descriptor.digest), () =>
      Promise.reject(error),
    );
  }
}

/** The size of a blob whatever its descriptor said; `undefined` when it is not there. */
export async function blobSize(layout: Layout, digest: Digest): Promise<number | undefined> {
  const found = await lstat(layout.blob(digest)).catch(() => undefined);
  return found?.isFile() ? found.size : undefined;
}

const SLICE = 1024 * 1024;

/** Raw bytes of a blob, a slice at a time, as fast as the sink takes them. */
export async function openBlob(
  layout: Layout,
  descriptor: Descriptor,
  range: OpenRange,
): Promise<OpenContent> {
  const path = layout.blob(descriptor.digest);
  if ((await stat(path).catch(() => undefined)) === undefined) throw notInStore(descriptor.digest);
  const file = await openRegular(path);
  const end = range.offset + (range.length ?? Number.POSITIVE_INFINITY);
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    void file.close();
  };
  return {
    offset: range.offset,
    ranged: true,
    async read(sink) {
      const buffer = new Uint8Array(Math.min(SLICE, Math.max(1, descriptor.size)));
      try {
        for (let at = range.offset; at < end && !closed; ) {
          const wanted = Math.min(buffer.length, end - at);
          const { bytesRead } = await onDisk("reading a blob", path, () =>
            file.read(buffer, 0, wanted, at),
          );
          if (bytesRead === 0) return;
          await sink(buffer.subarray(0, bytesRead));
          at += bytesRead;
        }
      } finally {
        close();
      }
    },
    cancel: close,
  };
}

/** Every blob by its name; what is not named like a digest is not lading's business. */
export async function* listBlobs(layout: Layout): AsyncIterable<Digest> {
  for (const algorithm of await names(layout.blobs)) {
    for (const entry of await names(join(layout.blobs, algorithm.name))) {
      const digest = `${algorithm.name}:${entry.name}`;
      if (isDigest(digest)) yield digest;
    }
  }
}

async function names(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return [];
    return onDisk("listing the store", folder, () => Promise.reject(error));
  }
}

export function notInStore(what: string): LadingError {
  return new LadingError("not-found", `the store has no ${what}`, {
    hint: "see what it has with: lading images",
  });
}
