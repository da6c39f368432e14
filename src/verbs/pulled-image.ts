import type { CopiedImage, Outcome } from "../content/copy.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { DiffId, Digest } from "../oci/digest.ts";
import { isForeignLayerType } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import type { LocalStore } from "../store/local-store.ts";
import type { StoredManifest } from "../store/types.ts";
import type { PlatformChoice } from "./platform-choice.ts";

export interface PulledImage {
  readonly platform: Platform;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  /** In the order of the manifest, bottom first; one digest may stand twice. */
  readonly layers: readonly PulledLayer[];
}

export interface PulledLayer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  readonly outcome: Outcome;
}

/** An image that was in the store already. */
export async function storedImage(
  store: LocalStore,
  { platform, descriptor, config, layers }: StoredManifest,
): Promise<PulledImage> {
  const pulled = layers.map(async ({ descriptor, diffId }): Promise<PulledLayer> => {
    const absent = isForeignLayerType(descriptor.mediaType) && !(await store.has(descriptor));
    return { descriptor, diffId, outcome: absent ? "skipped" : "existed" };
  });
  return { platform, manifest: descriptor, config, layers: await Promise.all(pulled) };
}

/** An image that has just been copied. */
export function pulledImage(
  { descriptor, manifest, config, layers }: CopiedImage,
  choice: PlatformChoice,
  outcomes: ReadonlyMap<Digest, Outcome>,
): PulledImage {
  return {
    platform: choice.platformOf(descriptor, config),
    manifest: descriptor,
    config: manifest.config,
    layers: layers.map(({ layer, diffId }) => ({
      descriptor: layer,
      diffId,
      outcome: outcomes.get(layer.digest) ?? "existed",
    })),
  };
}

/** Bytes of what was there before. */
export function existedBytes(
  images: readonly CopiedImage[],
  outcomes: ReadonlyMap<Digest, Outcome>,
): number {
  const sizes = new Map<Digest, number>();
  for (const { manifest } of images) {
    for (const { digest, size } of [manifest.config, ...manifest.layers]) sizes.set(digest, size);
  }
  let bytes = 0;
  for (const [digest, size] of sizes) if (outcomes.get(digest) === "existed") bytes += size;
  return bytes;
}
