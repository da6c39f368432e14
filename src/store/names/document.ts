import { verifyBytes } from "../../content/transfer/verify.ts";
import { errno } from "../../disk/disk-error.ts";
import { readRegular } from "../../disk/file.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { metadataLimits } from "../../oci/limits.ts";
import type { Layout } from "../layout.ts";

/** A manifest or config from its blob, verified again: hashing so little costs nothing. */
export async function readDocument(layout: Layout, descriptor: Descriptor): Promise<Uint8Array> {
  const bytes = await readRegular(layout.blob(descriptor.digest), metadataLimits.manifest);
  verifyBytes(descriptor, bytes);
  return bytes;
}

/** Whether a read failed because the file is not there, or is not what it should be. */
export function isMissing(error: unknown): boolean {
  return isAbsent(error) || isDamaged(error);
}

/** Whether a read failed because the bytes are not those that the digest names. */
export function isDamaged(error: unknown): boolean {
  return error instanceof LadingError && error.code === "verification-failed";
}

/** Whether a read failed because the file is not there. */
export function isAbsent(error: unknown): boolean {
  if (!(error instanceof LadingError)) return false;
  const code = errno(error.cause);
  return code === "ENOENT" || code === "ENOTDIR";
}
