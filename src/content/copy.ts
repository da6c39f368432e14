import { setMaxListeners } from "node:events";
import pLimit, { type LimitFunction } from "p-limit";
import { abortedError, LadingError, throwIfAborted } from "../errors.ts";
import { checkLayers, type ImageConfig, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { DiffId, Digest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import {
  children,
  type ImageIndex,
  type ImageManifest,
  type Manifest,
  parseManifest,
} from "../oci/manifest.ts";
import { isForeignLayerType, isImageConfigType, isManifestType } from "../oci/media-types.ts";
import type { ContentRole, PlannedBlob } from "./events.ts";
import type { ContentSource, ContentStore } from "./port.ts";
import type { Patience } from "./transfer/patience.ts";
import { readVerified, refuseLarger } from "./transfer/read.ts";
import { putBytes, transfer } from "./transfer/transfer.ts";

export interface CopyOptions extends Patience {
  /** Which entries of an index to copy; all when left out. */
  readonly select?: (index: ImageIndex) => readonly Descriptor[];
  /** Sees each image's manifest and config before its layers move; leaves it out by answering false. */
  readonly wanted?: (image: CopiedImage) => boolean;
  /** Blobs under way at one time. Default 6. */
  readonly concurrency?: number | undefined;
  /** Shared with other copies, to bound the blobs under way of all of them together. */
  readonly limit?: LimitFunction | undefined;
  /** Layers that may not be distributed: left out with a warning, or fetched from their `urls`. */
  readonly foreignLayers?: "skip" | "fetch" | undefined;
}

export interface CopiedImage {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** In the order of the manifest, bottom first. */
  readonly layers: readonly { readonly layer: Descriptor; readonly diffId: DiffId }[];
}

export interface CopyResult {
  /** Bytes that came over the wire. */
  readonly transferred: number;
  /** What became of each digest below the top, the top included. */
  readonly outcomes: ReadonlyMap<Digest, Outcome>;
}

export type Outcome = "copied" | "existed" | "skipped";

/** Deeper nesting of indexes than anyone uses; deeper still is an attack. */
const MAX_DEPTH = 8;
const MAX_NODES = 100_000;

/**
 * Copies the graph below a descriptor. Children are there before their parents, so that nothing is
 * ever visible that dangles; an image's config comes before its layers, each digest once, large
 * layers first. What the target has is not fetched, manifests included. The first failure stops the
 * rest; what had come of it is kept for the next try.
 */
export async function copy(
  from: ContentSource,
  to: ContentStore,
  descriptor: Descriptor,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  // One listener for each blob under way and each wait: not a leak.
  setMaxListeners(0, signal);
  const walk = new GraphCopy(from, to, { ...options, signal }, failed);
  try {
    await walk.copy(descriptor, 0);
  } catch (error) {
    if (options.signal?.aborted) throw abortedError(options.signal);
    throw walk.firstFailure ?? error;
  } finally {
    await walk.settled();
  }
  return { transferred: walk.transferred, outcomes: walk.outcomes };
}

class GraphCopy {
  readonly outcomes = new Map<Digest, Outcome>();
  transferred = 0;
  firstFailure: unknown;
  readonly #from: ContentSource;
  readonly #to: ContentStore;
  readonly #options: CopyOptions & { readonly signal: AbortSignal };
  readonly #failed: AbortController;
  readonly #limit: LimitFunction;
  readonly #nodes = new Map<Digest, Promise<void>>();

  constructor(
    from: ContentSource,
    to: ContentStore,
    options: CopyOptions & { readonly signal: AbortSignal },
    failed: AbortController,
  ) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
    this.#failed = failed;
    this.#limit = pLimit(options.concurrency ?? 6);
  }

  /** Each digest once, whatever the number of parents that name it. */
  copy(descriptor: Descriptor, depth: number, role?: ContentRole): Promise<void> {
    const known = this.#nodes.get(descriptor.digest);
    if (known !== undefined) return known;
    const node = this.#copyNode(descriptor, depth, role).catch((error: unknown) => {
      this.firstFailure ??= error;
      this.#failed.abort(error);
      throw error;
    });
    this.#nodes.set(descriptor.digest, node);
    return node;
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#nodes.values());
  }

  async #copyNode(descriptor: Descriptor, depth: number, role?: ContentRole): Promise<void> {
    if (depth > MAX_DEPTH || this.#nodes.size > MAX_NODES) throw tooLarge(descriptor);
    if (isManifestType(descriptor.mediaType)) await this.#copyManifest(descriptor, depth);
    else await this.#bounded(() => this.#copyBlob(descriptor, role ?? "other"));
  }

  async #copyManifest(descriptor: Descriptor, depth: number): Promise<void> {
    const { bytes, transferred } = await this.#bounded(() => this.#document(descriptor));
    const manifest = parseManifest(bytes, { mediaType: descriptor.mediaType });
    if (manifest.kind === "image") {
      if (!(await this.#copyImage(descriptor, manifest, depth))) return;
    } else await this.#copyAll(this.#selected(manifest), depth);
    await this.#put(descriptor, bytes, roleOf(manifest), transferred);
  }

  /** Whether the image is wanted, and so copied. */
  async #copyImage(
    descriptor: Descriptor,
    manifest: ImageManifest,
    depth: number,
  ): Promise<boolean> {
    if (isImageConfigType(manifest.config.mediaType)) {
      const config = await this.#bounded(() => this.#config(manifest.config));
      const layers = checkLayers(manifest, config);
      const wanted = this.#options.wanted?.({ descriptor, manifest, config, layers }) ?? true;
      if (!wanted) return false;
      this.#plan(descriptor, manifest);
    } else {
      this.#plan(descriptor, manifest);
      await this.copy(manifest.config, depth + 1, "config");
    }
    const largestFirst = [...manifest.layers].sort((a, b) => b.size - a.size);
    await this.#copyAll(largestFirst, depth, "layer");
    return true;
  }

  /** Takes a turn of this copy's own, then one of those that it shares with others. */
  #bounded<T>(work: () => Promise<T>): Promise<T> {
    const { limit } = this.#options;
    return this.#limit(() => (limit === undefined ? work() : limit(work)));
  }

  async #copyAll(
    descriptors: readonly Descriptor[],
    depth: number,
    role?: ContentRole,
  ): Promise<void> {
    await Promise.all(descriptors.map((child) => this.copy(child, depth + 1, role)));
  }

  #selected(manifest: Manifest): readonly Descriptor[] {
    const { select } = this.#options;
    return manifest.kind === "index" && select ? select(manifest) : children(manifest);
  }

  async #copyBlob(descriptor: Descriptor, role: ContentRole): Promise<void> {
    const foreign = isForeignLayerType(descriptor.mediaType);
    if (foreign && this.#options.foreignLayers !== "fetch") {
      if (!(await this.#to.has(descriptor))) return this.#skip(descriptor);
    }
    if (descriptor.data !== undefined) {
      return this.#put(descriptor, descriptor.data, role, 0);
    }
    const from =
      foreign && descriptor.urls?.length ? (this.#from.foreign ?? this.#from) : this.#from;
    const { existed, transferred } = await transfer(from, this.#to, descriptor, {
      ...this.#options,
      role,
    });
    this.#count(descriptor, existed, transferred);
  }

  /** By way of the target, as a layer goes: of several copies at one moment, one fetches it. */
  async #config(descriptor: Descriptor): Promise<ImageConfig> {
    refuseLarger(descriptor, metadataLimits.manifest);
    await this.#copyBlob(descriptor, "config");
    const { bytes } = await this.#document(descriptor);
    return parseImageConfig(bytes);
  }

  /** A small document: from the target when it is there, so that a complete image costs no request. */
  async #document(descriptor: Descriptor): Promise<{ bytes: Uint8Array; transferred: number }> {
    throwIfAborted(this.#options.signal);
    const here = await this.#to.has(descriptor, this.#options);
    const source = here ? this.#to : this.#from;
    const bytes = await readVerified(source, descriptor, metadataLimits.manifest, this.#options);
    const free = here || descriptor.data !== undefined;
    return { bytes, transferred: free ? 0 : bytes.length };
  }

  async #put(
    descriptor: Descriptor,
    bytes: Uint8Array,
    role: ContentRole,
    transferred: number,
  ): Promise<void> {
    const result = await putBytes(this.#to, descriptor, bytes, {
      ...this.#options,
      role,
      transferred,
    });
    this.#count(descriptor, result.existed, result.transferred);
  }

  #count(descriptor: Descriptor, existed: boolean, transferred: number): void {
    this.transferred += transferred;
    this.outcomes.set(descriptor.digest, existed ? "existed" : "copied");
  }

  #skip(descriptor: Descriptor): void {
    this.outcomes.set(descriptor.digest, "skipped");
    this.#options.onEvent?.({
      type: "warning",
      code: "foreign-layer-skipped",
      message: `layer ${descriptor.digest} may not be distributed by registries and was left out`,
    });
  }

  #plan(descriptor: Descriptor, manifest: ImageManifest): void {
    const blobs = new Map<Digest, PlannedBlob>();
    for (const child of children(manifest)) {
      const role = child === manifest.config ? "config" : "layer";
      blobs.set(child.digest, { digest: child.digest, size: child.size, role });
    }
    this.#options.onEvent?.({
      type: "planned",
      manifest: descriptor.digest,
      blobs: [...blobs.values()],
    });
  }
}

function roleOf(manifest: Manifest): ContentRole {
  return manifest.kind === "index" ? "index" : "manifest";
}

function tooLarge(descriptor: Descriptor): LadingError {
  return new LadingError(
    "limit-exceeded",
    `the image nests deeper than ${MAX_DEPTH} levels or names more than ${MAX_NODES} parts`,
    { digest: descriptor.digest },
  );
}
