import { checkLayers, type ImageConfig, parseImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import {
  children,
  type ImageIndex,
  type ImageManifest,
  parseManifest,
} from "../../oci/manifest.ts";
import {
  isForeignLayerType,
  isImageConfigType,
  isIndexType,
  isManifestType,
} from "../../oci/media-types.ts";
import type { Platform } from "../../oci/platform.ts";
import { isRunnable, selectPlatform } from "../../oci/platform-match.ts";
import { hasBlob } from "../blobs/blobs.ts";
import { isDiscarded } from "../blobs/discarded.ts";
import type { Layout } from "../layout.ts";
import type { FindOptions, StoredImage, StoredManifest } from "../types.ts";
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
 * it best; a part that is missing makes its manifest not count. An artifact is for no platform and has
 * no image manifests: it is complete or not. `undefined` when nothing is complete.
 */
export async function readImage(
  layout: Layout,
  entry: IndexEntry,
  platform?: Platform,
  options: FindOptions = {},
): Promise<ReadImage | undefined> {
  const reading: Reading = {
    layout,
    platform,
    options,
    manifests: [],
    configs: new Map(),
    sizes: new Map(),
  };
  const { descriptor } = entry;
  if (!(await readNode(reading, descriptor, descriptor.platform, 0))) return undefined;
  const { name: reference, pulledAt } = entry;
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
  readonly options: FindOptions;
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
  if (!isManifestType(descriptor.mediaType)) return depth > 0 && holds(reading, [descriptor]);
  const bytes = await readDocument(reading.layout, descriptor).catch(undefinedIfMissing);
  if (bytes === undefined) return false;
  const manifest = parseManifest(bytes, { mediaType: descriptor.mediaType });
  reading.sizes.set(descriptor.digest, descriptor.size);
  if (manifest.kind === "index") return readIndexNode(reading, manifest, depth);
  if (manifest.kind === "image" && isImageConfigType(manifest.config.mediaType)) {
    return readImageNode(reading, descriptor, manifest, platform);
  }
  return holds(reading, children(manifest));
}

async function readImageNode(
  reading: Reading,
  descriptor: Descriptor,
  manifest: ImageManifest,
  platform: Platform | undefined,
): Promise<boolean> {
  const { config } = manifest;
  const raw = await readDocument(reading.layout, config).catch(undefinedIfMissing);
  if (raw === undefined) return false;
  const parsed = parseImageConfig(raw);
  if (platform === undefined && !fits(reading, parsed)) return false;
  if (!(await holds(reading, children(manifest)))) return false;
  const paired = checkLayers(manifest, parsed);
  reading.configs.set(config.digest, parsed);
  reading.manifests.push({
    platform: platform ?? parsed.platform,
    descriptor,
    config,
    layers: paired.map(({ layer, diffId }, position) => ({ position, descriptor: layer, diffId })),
  });
  return true;
}

/** An image whose platform no index tells must be for the one that was asked for by name. */
function fits({ platform, options }: Reading, config: ImageConfig): boolean {
  if (platform === undefined || options.anyLone) return true;
  return selectPlatform(platform, [{ platform: config.platform }]) !== undefined;
}

async function readIndexNode(reading: Reading, index: ImageIndex, depth: number): Promise<boolean> {
  const wanted = chosen(index, reading.platform);
  if (wanted.length === 0) return reading.platform === undefined;
  let whole = 0;
  for (const entry of wanted) {
    if (await readNode(reading, entry, entry.platform, depth + 1)) whole += 1;
  }
  return reading.options.every ? whole === wanted.length : whole > 0;
}

function chosen(index: ImageIndex, platform: Platform | undefined): readonly Descriptor[] {
  const runnable = index.manifests.filter(isRunnable);
  if (platform === undefined) return runnable;
  const best = selectPlatform(platform, runnable);
  if (best !== undefined) return [best];
  return runnable.filter((entry) => isIndexType(entry.mediaType));
}

/** Layers that may not be distributed may be missing, unless they are wanted: they were left out on purpose. */
async function holds(reading: Reading, blobs: readonly Descriptor[]): Promise<boolean> {
  for (const blob of blobs) {
    const here = await hasBlob(reading.layout, blob);
    const needed = reading.options.foreignLayers || !isForeignLayerType(blob.mediaType);
    if (here) reading.sizes.set(blob.digest, blob.size);
    else if (needed && !(await isDiscarded(reading.layout, blob.digest))) return false;
  }
  return true;
}

function undefinedIfMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}
