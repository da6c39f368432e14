import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { errno, onDisk } from "../../disk/disk-error.ts";
import { LadingError } from "../../errors.ts";
import { MARKER } from "./target.ts";

/**
 * An image may have an entry in the place of our marker: filling a target in place would lose it, and
 * a target that has it would look incomplete for ever.
 */
export async function refuseMarker(rootfs: string): Promise<void> {
  const path = join(rootfs, MARKER);
  const found = await onDisk("looking at the root filesystem", path, () =>
    lstat(path).catch((error: unknown) => {
      if (errno(error) === "ENOENT") return undefined;
      throw error;
    }),
  );
  if (found === undefined) return;
  throw new LadingError("unsupported", `the image has an entry /${MARKER}, a name that is ours`, {
    hint: "it marks a directory that is not whole yet: unpack an image without it, or mount this one",
  });
}
