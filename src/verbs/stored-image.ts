import { LadingError } from "../errors.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { LocalStore } from "../store/local-store.ts";
import type { StoredImage, StoredManifest } from "../store/types.ts";
import { completeImage } from "./complete.ts";
import { notAnImage } from "./not-an-image.ts";
import { type WantedPlatform, wantedPlatform } from "./platform-choice.ts";

export interface StoredPlatform {
  readonly image: StoredImage;
  readonly manifest: StoredManifest;
}

/**
 * A name of the store as a person writes it. Other tools write names that are no references (`latest`,
 * as skopeo does): what is there under exactly that name is meant, else the canonical reference.
 */
export async function storedName(store: LocalStore, text: string): Promise<string> {
  if (await store.hasName(text)) return text;
  return formatReference(parseReference(text));
}

/**
 * The image of a name for a platform, of what the store has. Without one it is the host's, or the only
 * one that is there. `undefined` when the name is not there, or not for that platform; an artifact is
 * a `not-found` error.
 */
export async function storedPlatform(
  store: LocalStore,
  name: string,
  platform: string | Platform | undefined,
): Promise<StoredPlatform | undefined> {
  const image =
    (await completeImage(store, name, wantedPlatform({ platform }))) ??
    (platform === undefined ? await onlyOne(store, name) : undefined);
  if (image === undefined) return undefined;
  const [manifest] = image.manifests;
  if (manifest === undefined) throw notAnImage(image.descriptor);
  return { image, manifest };
}

/** Why the store can't be asked for it alone: it has it for other platforms only, or not at all. */
export async function notStored(
  store: LocalStore,
  name: string,
  wanted: WantedPlatform,
  hint: string,
): Promise<LadingError> {
  const there = (await store.find(name))?.manifests ?? [];
  if (there.length === 0)
    return new LadingError("not-found", "the image is not in the store", { hint });
  const platforms = there.map(({ platform }) => formatPlatform(platform)).join(", ");
  if (wanted.kind === "all") {
    return new LadingError("not-found", "the store does not have it for every platform", {
      hint: `it is there for ${platforms}; ${hint}`,
    });
  }
  return new LadingError(
    "platform-not-found",
    `the store does not have it for ${formatPlatform(wanted.platform)}`,
    { hint: `it is there for ${platforms}; choose with --platform, or ${hint}` },
  );
}

async function onlyOne(store: LocalStore, name: string): Promise<StoredImage | undefined> {
  const image = await store.find(name);
  return image?.manifests.length === 1 ? image : undefined;
}
