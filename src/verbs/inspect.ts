import type { OperationOptions } from "../content/events.ts";
import { readVerified } from "../content/transfer/read.ts";
import { LadingError } from "../errors.ts";
import { type ImageConfig, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { DiffId, Digest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import type { Platform } from "../oci/platform.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { StoredImage, StoredManifest } from "../store/types.ts";
import { failing } from "./failing.ts";
import { fetchManifestAndConfig } from "./fetch.ts";
import { wantedPlatform } from "./platform-choice.ts";
import type { PullPolicy } from "./pull.ts";
import type { Session } from "./session.ts";

export interface InspectOptions extends OperationOptions {
  readonly platform?: string | Platform | undefined;
  /** `missing` (default): the store first, then the registry. `never`: the store alone. `always`: the registry. */
  readonly policy?: PullPolicy | undefined;
}

export interface InspectResult {
  readonly reference: string;
  /** Where the answer comes from. */
  readonly from: "store" | "registry";
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
  readonly platform: Platform;
  /** In the order of the manifest, bottom first. */
  readonly layers: readonly { readonly descriptor: Descriptor; readonly diffId: DiffId }[];
  /** Compressed bytes of config and layers, each digest once. */
  readonly size: number;
  readonly pulledAt: number | undefined;
}

/** What an image is made of and how it wants to be run. */
export function inspect(
  session: Session,
  text: string,
  options: InspectOptions = {},
): Promise<InspectResult> {
  const reference = formatReference(parseReference(text));
  return failing({ reference }, async () => {
    const { policy = "missing" } = options;
    if (policy !== "always") {
      const found = await inStore(session, reference, options);
      if (found !== undefined) return found;
      if (policy === "never") throw notInStore();
    }
    return inRegistry(session, reference, options);
  });
}

async function inStore(
  session: Session,
  reference: string,
  options: InspectOptions,
): Promise<InspectResult | undefined> {
  const wanted = wantedPlatform({ platform: options.platform });
  const store = await session.store();
  const platform = wanted.kind === "one" ? wanted.platform : undefined;
  const image =
    (await store.find(reference, platform)) ?? (await onlyOne(session, reference, options));
  const stored = image?.manifests[0];
  if (image === undefined || stored === undefined) return undefined;
  const bytes = await readVerified(store, stored.config, metadataLimits.config, options);
  return {
    reference,
    from: "store",
    manifest: stored.descriptor,
    config: parseImageConfig(bytes),
    platform: stored.platform,
    layers: stored.layers,
    size: sizeOf(stored),
    pulledAt: image.pulledAt,
  };
}

/** Nobody named a platform and the store has one alone: that is the one that is meant. */
async function onlyOne(
  session: Session,
  reference: string,
  options: InspectOptions,
): Promise<StoredImage | undefined> {
  if (options.platform !== undefined) return undefined;
  const image = await (await session.store()).find(reference);
  return image?.manifests.length === 1 ? image : undefined;
}

async function inRegistry(
  session: Session,
  reference: string,
  options: InspectOptions,
): Promise<InspectResult> {
  const fetched = await fetchManifestAndConfig(session, reference, options);
  const layers = fetched.layers.map(({ layer, diffId }) => ({ descriptor: layer, diffId }));
  const { descriptor, manifest, config } = fetched;
  return {
    reference,
    from: "registry",
    manifest: descriptor,
    config,
    platform: descriptor.platform ?? config.platform,
    layers,
    size: sizeOf({ config: manifest.config, layers }),
    pulledAt: undefined,
  };
}

function sizeOf(image: Pick<StoredManifest, "config"> & Pick<InspectResult, "layers">): number {
  const sizes = new Map<Digest, number>([[image.config.digest, image.config.size]]);
  for (const { descriptor } of image.layers) sizes.set(descriptor.digest, descriptor.size);
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

function notInStore(): LadingError {
  return new LadingError("not-found", "the image is not in the store", {
    hint: "pull it first, or leave the policy at missing to ask the registry",
  });
}
