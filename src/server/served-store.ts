import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { isDigest } from "../oci/digest.ts";
import { children, parseManifest } from "../oci/manifest.ts";
import { isManifestType } from "../oci/media-types.ts";
import { parseReference, type Reference, type RepositoryName, type Tag } from "../oci/reference.ts";
import { blobSize } from "../store/blobs/blobs.ts";
import { reachable } from "../store/collect/reachable.ts";
import type { LocalStore } from "../store/local-store.ts";
import { readDocument } from "../store/names/document.ts";
import type { StoredImage } from "../store/types.ts";
import type { ServedContent, ServedOptions } from "./content.ts";

/**
 * The local store as a registry: an image's repository is its reference's path without the host.
 * Where two hosts share a path, `ns` says which is meant, else the one that was pulled last. A
 * repository gives out what its own images reach, nothing else.
 */
export function servedStore(store: LocalStore): ServedContent {
  return {
    async manifest(repository, name, options) {
      const images = await imagesOf(store, repository, options);
      if (!isDigest(name))
        return images.find(({ reference }) => reference.tag === name)?.image.descriptor;
      for (const { image } of images) {
        const found = await manifestBelow(store, image.descriptor, name);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    async blob(repository, digest, options) {
      const size = await blobSize(store.layout, digest);
      if (size === undefined) return undefined;
      const images = await imagesOf(store, repository, options);
      const roots = images.map(({ image }) => image.descriptor);
      const reached = await reachable(store.layout, roots);
      return reached.has(digest)
        ? { mediaType: "application/octet-stream", digest, size }
        : undefined;
    },
    open: (descriptor, range) => store.open(descriptor, range),
    async tags(repository, options) {
      const images = await imagesOf(store, repository, options);
      if (images.length === 0) return undefined;
      const tags = images.flatMap(({ reference }) => (reference.tag ? [reference.tag] : []));
      return [...new Set<Tag>(tags)].sort();
    },
  };
}

interface NamedImage {
  readonly reference: Reference;
  readonly image: StoredImage;
}

/** Latest pulled first. */
async function imagesOf(
  store: LocalStore,
  repository: RepositoryName,
  { ns }: ServedOptions,
): Promise<readonly NamedImage[]> {
  const images = await store.images();
  return images
    .flatMap((image) => {
      const reference = referenceOf(image);
      return reference?.repository === repository ? [{ reference, image }] : [];
    })
    .filter(({ reference }) => ns === undefined || reference.registry === ns)
    .sort((a, b) => (b.image.pulledAt ?? 0) - (a.image.pulledAt ?? 0));
}

/** Another tool may have written a name that is no reference: it is not served. */
function referenceOf({ reference }: StoredImage): Reference | undefined {
  try {
    return reference === undefined ? undefined : parseReference(reference);
  } catch {
    return undefined;
  }
}

async function manifestBelow(
  store: LocalStore,
  top: Descriptor,
  digest: Digest,
): Promise<Descriptor | undefined> {
  if (top.digest === digest) return top;
  const bytes = await readDocument(store.layout, top).catch(() => undefined);
  if (bytes === undefined) return undefined;
  for (const child of children(parseManifest(bytes, { mediaType: top.mediaType }))) {
    if (!isManifestType(child.mediaType) || !(await store.has(child))) continue;
    const found = await manifestBelow(store, child, digest);
    if (found !== undefined) return found;
  }
  return undefined;
}
