import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import { type CachedLayer, findLayer } from "../../layer/cache/cached-layer.ts";
import type { FixupCache } from "../../layer/fixup/fixup-cache.ts";
import { stackedLayers } from "../../layer/fixup/lowers.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";

/** Directories that overlayfs merges into exactly the root filesystem of an image. */
export interface OverlayStack {
  /** Top first, as the option `lowerdir` has them. */
  readonly lower: readonly string[];
  /** Whether one of them holds whiteouts: then it is no root filesystem by itself. */
  readonly hasWhiteouts: boolean;
}

/** The stack of layers that the cache has, bottom first, in a form. */
export async function overlayStackOf(
  { layout, fixups }: { readonly layout: Layout; readonly fixups: FixupCache },
  diffIds: readonly DiffId[],
  form: string,
  options: OperationOptions,
): Promise<OverlayStack> {
  const layers: CachedLayer[] = [];
  for (const diffId of diffIds) {
    const layer = await findLayer(layout, diffId, form);
    if (layer === undefined) throw gone(diffId);
    checkNodes(layer);
    layers.push(layer);
  }
  const fixup = await fixups.of(layers, form, options);
  const stacked = stackedLayers(layers.map(({ record }) => record));
  const rootfs = stacked.flatMap((position) => layers[position]?.rootfs ?? []);
  return {
    lower: fixup === undefined ? rootfs : [fixup, ...rootfs],
    hasWhiteouts: layers.some(({ record }) => record.marks.whiteouts > 0),
  };
}

/** Made without overlayfs' nodes, a layer with whiteouts would show what it hides. */
function checkNodes({ record, path }: CachedLayer): void {
  const { overlayNodes, marks } = record;
  if (overlayNodes || (marks.whiteouts === 0 && marks.opaques === 0)) return;
  throw new LadingError("unsupported", "a layer was unpacked without whiteouts for overlayfs", {
    digest: record.diffId,
    path,
    hint: "remove that folder; the next call unpacks the layer again",
  });
}

function gone(diffId: DiffId): LadingError {
  return new LadingError("store-corrupt", "a layer that was unpacked is not there any more", {
    digest: diffId,
    hint: "run the same command again",
  });
}
