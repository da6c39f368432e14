import { readVerified } from "../content/transfer/read.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import { parseManifest } from "../oci/manifest.ts";
import { isIndexType } from "../oci/media-types.ts";
import { isRunnable } from "../oci/platform-match.ts";
import type { LocalStore } from "../store/local-store.ts";
import type { StoredImage } from "../store/types.ts";
import type { WantedPlatform } from "./platform-choice.ts";

/** The image as the store has it, when everything that is wanted of it is complete. */
export async function completeImage(
  store: LocalStore,
  name: string,
  wanted: WantedPlatform,
): Promise<StoredImage | undefined> {
  if (wanted.kind === "one") return store.find(name, wanted.platform);
  const image = await store.find(name);
  if (image === undefined) return undefined;
  const have = new Set(image.manifests.map(({ descriptor }) => descriptor.digest));
  return (await holdsAll(store, image.descriptor, have)) ? image : undefined;
}

async function holdsAll(
  store: LocalStore,
  descriptor: Descriptor,
  have: ReadonlySet<Digest>,
): Promise<boolean> {
  if (!isIndexType(descriptor.mediaType)) return have.has(descriptor.digest);
  if (!(await store.has(descriptor))) return false;
  const bytes = await readVerified(store, descriptor, metadataLimits.manifest);
  const index = parseManifest(bytes, { mediaType: descriptor.mediaType });
  if (index.kind !== "index") return false;
  for (const entry of index.manifests.filter(isRunnable)) {
    if (!(await holdsAll(store, entry, have))) return false;
  }
  return true;
}
