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
  if (!(error instanceof LadingError)) return false;
  if (error.code === "verification-failed") return true;
  const code = errno(error.cause);
  return code === "ENOENT" || code === "ENOTDIR";
}
