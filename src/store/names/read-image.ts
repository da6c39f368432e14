import { checkLayers, type ImageConfig, parseImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { type ImageIndex, parseManifest } from "../../oci/manifest.ts";
import { isForeignLayerType, isImageConfigType, isIndexType } from "../../oci/media-types.ts";
import type { Platform } from "../../oci/platform.ts";
import { isRunnable, selectPlatform } from "../../oci/platform-match.ts";
import { hasBlob } from "../blobs/blobs.ts";
import type { Layout } from "../layout.ts";
import type { StoredImage, StoredManifest } from "../types.ts";
import { isMissing, readDocument } from "./document.ts";
import type { IndexEntry } from "./index-json.ts";

/** An image of the store together with its configs, as the catalog keeps it. */
export interface ReadImage {
  readonly image: StoredImage;
  readonly configs: ReadonlyMap<Digest, ImageConfig>;
}

const MAX_DEPTH = 8;

/**
 * What is complete of an image, read from the disk alone. With a platform, the one manifest that fits
 * it best; a part that is missing makes its manifest not count. `undefined` when nothing is complete.
 */
export async function readImage(
  layout: Layout,
  entry: IndexEntry,
  platform?: Platform,
): Promise<ReadImage | undefined> {
  const reading: Reading = {
    layout,
    platform,
    manifests: [],
    configs: new Map(),
    sizes: new Map(),
  };
  const whole = await readNode(reading, entry.descriptor, entry.descriptor.platform, 0);
  if (!whole || (platform !== undefined && reading.manifests.length === 0)) return undefined;
  const { name: reference, descriptor, pulledAt } = entry;
  const size = [...reading.sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const { manifests, configs } = reading;
  return {
    image: { reference, descriptor, manifests, pulledAt, usedAt: undefined, size },
    configs,
  };
}

interface Reading {
  readonly layout: Layout;
  readonly platform: Platform | undefined;
  readonly manifests: StoredManifest[];
  readonly configs: Map<Digest, ImageConfig>;
  readonly sizes: Map<Digest, number>;
}

/** Whether the node itself is there, with enough below it to be of use. */
async function readNode(
  reading: Reading,
  descriptor: Descriptor,
  platform: Platform | undefined,
  depth: number,
): Promise<boolean> {
  if (depth > MAX_DEPTH) return false;
  const bytes = await readDocument(reading.layout, descriptor).catch(undefinedIfMissing);
  if (bytes === undefined) return false;
  const manifest = parseManifest(bytes, { mediaType: descriptor.mediaType });
  reading.sizes.set(descriptor.digest, descriptor.size);
  if (manifest.kind === "artifact") return holds(reading, manifest.blobs);
  if (manifest.kind === "image") {
    const { config, layers } = manifest;
    if (!isImageConfigType(config.mediaType)) return holds(reading, [config, ...layers]);
    const raw = await readDocument(reading.layout, config).catch(undefinedIfMissing);
    if (raw === undefined || !(await holds(reading, [config, ...layers]))) return false;
    const parsed = parseImageConfig(raw);
    const paired = checkLayers(manifest, parsed);
    reading.configs.set(config.digest, parsed);
    reading.manifests.push({
      platform: platform ?? parsed.platform,
      descriptor,
      config,
      layers: paired.map(({ layer, diffId }, position) => ({
        position,
        descriptor: layer,
        diffId,
      })),
    });
    return true;
  }
  return readIndexNode(reading, manifest, depth);
}

async function readIndexNode(reading: Reading, index: ImageIndex, depth: number): Promise<boolean> {
  let any = index.manifests.length === 0;
  for (const entry of chosen(index, reading.platform)) {
    if (await readNode(reading, entry, entry.platform, depth + 1)) any = true;
  }
  return any;
}

function chosen(index: ImageIndex, platform: Platform | undefined): readonly Descriptor[] {
  const runnable = index.manifests.filter(isRunnable);
  if (platform === undefined) return runnable;
  const best = selectPlatform(platform, runnable);
  if (best !== undefined) return [best];
  return runnable.filter((entry) => isIndexType(entry.mediaType));
}

/** Layers that may not be distributed may be missing: they were left out on purpose. */
async function holds(reading: Reading, blobs: readonly Descriptor[]): Promise<boolean> {
  for (const blob of blobs) {
    const here = await hasBlob(reading.layout, blob);
    if (!here && !isForeignLayerType(blob.mediaType)) return false;
    if (here) reading.sizes.set(blob.digest, blob.size);
  }
  return true;
}

function undefinedIfMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}
