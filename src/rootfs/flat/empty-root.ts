import { mkdirSync } from "node:fs";
import { diskError } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import { LayerApplier } from "../../layer/apply/applier.ts";
import type { UnpackSettings } from "../../layer/engine/layer-unpack.ts";

/**
 * Makes the root filesystem of an image without layers: that of a layer without entries, so that its
 * mode, owner and time are as the form wants them, whatever the umask and the folder around say.
 */
export function makeEmptyRoot(
  path: string,
  { form, limits, sync }: UnpackSettings,
  kernel: Kernel | undefined,
): void {
  try {
    mkdirSync(path, { mode: 0o700 });
    using tree = openTree(path, kernel);
    const written = new SharedArrayBuffer(8);
    const how = { form, limits, kernel, sync, written, overlayNodes: false, folded: undefined };
    new LayerApplier(tree, how).end();
  } catch (error) {
    throw diskError(error, "making an empty root filesystem", path);
  }
}
