import { createHash } from "node:crypto";
import zlib from "node:zlib";
import type { ContentSource } from "../content/port.ts";
import { readVerified } from "../content/transfer/read.ts";
import { LadingError } from "../errors.ts";
import { checkLayers, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type DiffId, type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";
import { children, type ImageManifest, parseManifest } from "../oci/manifest.ts";
import { isImageConfigType, isIndexType, isManifestType } from "../oci/media-types.ts";
import { isRunnable } from "../oci/platform-match.ts";

export interface Validated {
  readonly digests: ReadonlySet<Digest>;
  readonly images: number;
}

const MAX_BYTES = 2 ** 31;

/**
 * Reads a whole image and checks everything that can be checked: sizes, digests, the layers' diff IDs
 * after decompression. `present` skips entries of an index that are not there, as after a pull for
 * one platform.
 */
export async function validateImage(
  source: ContentSource,
  descriptor: Descriptor,
  options: { readonly present?: boolean } = {},
): Promise<Validated> {
  const digests = new Set<Digest>();
  let images = 0;

  async function visit(descriptor: Descriptor): Promise<void> {
    if (digests.has(descriptor.digest)) return;
    digests.add(descriptor.digest);
    const bytes = await readVerified(source, descriptor, MAX_BYTES);
    if (!isManifestType(descriptor.mediaType)) return;
    const manifest = parseManifest(bytes, { mediaType: descriptor.mediaType });
    if (manifest.kind === "image" && isRunnable(descriptor)) {
      if (isImageConfigType(manifest.config.mediaType)) await checkDiffIds(source, manifest);
      images += 1;
    }
    for (const child of children(manifest)) {
      const optional = options.present && isIndexType(descriptor.mediaType);
      if (!optional || (await source.has(child))) await visit(child);
    }
  }

  await visit(descriptor);
  return { digests, images };
}

async function checkDiffIds(source: ContentSource, manifest: ImageManifest): Promise<void> {
  const config = parseImageConfig(await readVerified(source, manifest.config, MAX_BYTES));
  for (const { layer, diffId } of checkLayers(manifest, config)) {
    checkDiffId(await inflated(await readVerified(source, layer, MAX_BYTES)), diffId, layer);
  }
}

function checkDiffId(tar: Uint8Array, diffId: DiffId, layer: Descriptor): void {
  const hex = createHash(digestAlgorithm(diffId)).update(tar).digest("hex");
  if (hex === digestHex(diffId)) return;
  throw new LadingError("verification-failed", "a layer does not have the diff ID of its config", {
    digest: layer.digest,
  });
}

/** By the first bytes, whatever the media type says. */
async function inflated(bytes: Uint8Array): Promise<Uint8Array> {
  const [first, second, third, fourth] = bytes;
  if (first === 0x1f && second === 0x8b) return zlib.gunzipSync(bytes);
  if (first === 0x28 && second === 0xb5 && third === 0x2f && fourth === 0xfd) {
    // Before 22.15 Node has no zstd.
    if (typeof zlib.zstdDecompressSync === "function") return zlib.zstdDecompressSync(bytes);
    return (await import("fzstd")).decompress(bytes);
  }
  return bytes;
}
