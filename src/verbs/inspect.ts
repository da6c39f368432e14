import type { OperationOptions } from "../content/events.ts";
import { readVerified } from "../content/transfer/read.ts";
import { type ImageConfig, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { DiffId, Digest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import type { Platform } from "../oci/platform.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { LocalStore } from "../store/local-store.ts";
import type { StoredManifest } from "../store/types.ts";
import { failing } from "./failing.ts";
import { fetchManifestAndConfig } from "./fetch.ts";
import { wantedPlatform } from "./platform-choice.ts";
import type { PullPolicy } from "./pull.ts";
import type { Session } from "./session.ts";
import { notStored, storedName, storedPlatform } from "./stored-image.ts";

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
export async function inspect(
  session: Session,
  text: string,
  options: InspectOptions = {},
): Promise<InspectResult> {
  const { policy = "missing" } = options;
  const store = policy === "always" ? undefined : await session.store();
  const reference = await nameOf(store, text);
  return failing({ reference }, async () => {
    if (store !== undefined) {
      const found = await inStore(store, reference, options);
      if (found !== undefined) return found;
      if (policy === "never") {
        const hint = "leave the policy at missing to ask the registry";
        throw await notStored(store, reference, wantedPlatform(options), hint);
      }
    }
    return inRegistry(session, reference, options);
  });
}

async function nameOf(store: LocalStore | undefined, text: string): Promise<string> {
  return store === undefined ? formatReference(parseReference(text)) : storedName(store, text);
}

async function inStore(
  store: LocalStore,
  reference: string,
  options: InspectOptions,
): Promise<InspectResult | undefined> {
  const found = await storedPlatform(store, reference, options.platform);
  if (found === undefined) return undefined;
  const { image, manifest: stored } = found;
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
