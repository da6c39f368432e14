import { lstat, rm } from "node:fs/promises";
import { onDisk } from "../../disk/disk-error.ts";
import { makeFolder } from "../../disk/folder.ts";
import { replaceFile } from "../../disk/publish.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Layout } from "../layout.ts";

/**
 * A layer's blob that was given up on purpose once the layer was unpacked. The image counts as there;
 * whoever needs the blob itself fetches it again.
 */
export async function isDiscarded(layout: Layout, digest: Digest): Promise<boolean> {
  return lstat(layout.discarded(digest)).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** The mark comes first: a crash between leaves a blob too many, never a layer that seems lost. */
export async function discardBlob(layout: Layout, digest: Digest): Promise<void> {
  await makeFolder(layout.discards);
  await replaceFile(layout.discarded(digest), new Uint8Array(0));
  const path = layout.blob(digest);
  await onDisk("discarding a blob", path, () => rm(path, { force: true }));
}

/** The blob is there again. */
export async function forgetDiscarded(layout: Layout, digest: Digest): Promise<void> {
  await rm(layout.discarded(digest), { force: true });
}
