import type { OperationOptions } from "../content/events.ts";
import type { Patience } from "../content/transfer/patience.ts";
import { readVerified } from "../content/transfer/read.ts";
import { streamSpan } from "../content/transfer/stream.ts";
import { LadingError } from "../errors.ts";
import { checkLayers, type ImageConfig, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type DiffId, parseDigest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import {
  type ImageIndex,
  type ImageManifest,
  type Manifest,
  parseManifest,
} from "../oci/manifest.ts";
import { isImageConfigType } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { Repository } from "../registry/repository.ts";
import { failing } from "./failing.ts";
import { notAnImage } from "./not-an-image.ts";
import { PlatformChoice, wantedPlatform } from "./platform-choice.ts";
import type { Session } from "./session.ts";

export interface FetchOptions extends OperationOptions {
  readonly platform?: string | Platform | undefined;
}

export interface FetchedManifest {
  readonly descriptor: Descriptor;
  /** As the registry sent them; their hash is the descriptor's digest. */
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
}

export interface FetchedImage {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly layers: readonly { readonly layer: Descriptor; readonly diffId: DiffId }[];
}

/** The manifest or index that a reference names; with `platform`, the image manifest for it. */
export function fetchManifest(
  session: Session,
  text: string,
  options: FetchOptions = {},
): Promise<FetchedManifest> {
  return asking(session, text, options, async (repository, name, operation) => {
    const top = await fetchNamed(repository, name, operation);
    if (options.platform === undefined) return top;
    return (await descend(repository, top, options, operation)).fetched;
  });
}

/** The index that a reference names; `not-found` when it names a single image instead. */
export function fetchIndex(
  session: Session,
  text: string,
  options: OperationOptions = {},
): Promise<FetchedManifest & { readonly manifest: ImageIndex }> {
  return asking(session, text, options, async (repository, name, operation) => {
    const fetched = await fetchNamed(repository, name, operation);
    const { manifest } = fetched;
    if (manifest.kind !== "index") {
      throw new LadingError("not-found", "the reference names a single image, not an index", {
        hint: "fetch it as a manifest",
      });
    }
    return { ...fetched, manifest };
  });
}

/** The image manifest for a platform, its config, and its layers with their diff IDs. */
export function fetchManifestAndConfig(
  session: Session,
  text: string,
  options: FetchOptions = {},
): Promise<FetchedImage> {
  return asking(session, text, options, async (repository, name, operation) => {
    const found = await fetchWhole(repository, name, options, operation);
    if ("config" in found) return found;
    throw notAnImage(found.descriptor);
  });
}

/** What a pull of that platform begins with: an image, or an artifact, which has no image config. */
export function fetchImageOrArtifact(
  session: Session,
  text: string,
  options: FetchOptions = {},
): Promise<FetchedImage | FetchedManifest> {
  return asking(session, text, options, (repository, name, operation) =>
    fetchWhole(repository, name, options, operation),
  );
}

/**
 * The descriptor of the image manifest for a platform, without fetching more than indexes; of an image
 * whose platform no index tells, the config as well.
 */
export function resolvePlatform(
  session: Session,
  text: string,
  platform?: string | Platform,
  options: OperationOptions = {},
): Promise<Descriptor> {
  return asking(session, text, options, async (repository, name, operation) => {
    const top = await fetchNamed(repository, name, operation);
    return (await descend(repository, top, { platform }, operation)).fetched.descriptor;
  });
}

export interface FetchBlobOptions extends OperationOptions {
  /** First byte. Default 0. */
  readonly offset?: number | undefined;
  /** Default: to the end. */
  readonly length?: number | undefined;
}

/**
 * Any part of a blob as a stream, resumed when the connection breaks. The whole is verified: the stream
 * ends with `verification-failed` when it was not what the digest names. A part can't be.
 */
export function fetchBlob(
  session: Session,
  text: string,
  digest: string,
  options: FetchBlobOptions = {},
): Promise<ReadableStream<Uint8Array>> {
  return asking(session, text, options, async (repository, _name, operation) => {
    const { offset = 0 } = options;
    const descriptor = await repository.describeBlob(parseDigest(digest), operation);
    const length = options.length ?? Math.max(0, descriptor.size - offset);
    checkSpan(offset, length, descriptor);
    const end = Math.min(descriptor.size, offset + length);
    return streamSpan(repository, descriptor, { start: offset, end }, operation);
  });
}

/** The tags of a repository, page by page, in the registry's order. */
export async function* tags(
  session: Session,
  text: string,
  options: OperationOptions = {},
): AsyncIterable<string> {
  const repository = await session.repository(parseReference(text));
  yield* repository.tags(session.operation(options));
}

async function asking<T>(
  session: Session,
  text: string,
  options: OperationOptions,
  work: (repository: Repository, name: string, operation: Patience) => Promise<T>,
): Promise<T> {
  const reference = parseReference(text);
  return failing({ reference: formatReference(reference) }, async () => {
    const repository = await session.repository(reference);
    const { retry } = session.options;
    const { signal, onEvent } = session.operation(options);
    const name = reference.digest ?? reference.tag ?? "latest";
    return work(repository, name, { signal, onEvent, retry, clock: session.clock });
  });
}

async function fetchNamed(
  repository: Repository,
  name: string,
  operation: Patience,
): Promise<FetchedManifest> {
  const { descriptor, bytes } = await repository.fetchManifest(name, operation);
  return { descriptor, bytes, manifest: parseManifest(bytes, { mediaType: descriptor.mediaType }) };
}

async function fetchWhole(
  repository: Repository,
  name: string,
  options: FetchOptions,
  operation: Patience,
): Promise<FetchedImage | FetchedManifest> {
  const top = await fetchNamed(repository, name, operation);
  const { fetched, config: known } = await descend(repository, top, options, operation);
  const { descriptor, bytes, manifest } = fetched;
  if (manifest.kind !== "image" || !isImageConfigType(manifest.config.mediaType)) return fetched;
  const config = known ?? (await fetchConfig(repository, manifest, operation));
  return { descriptor, bytes, manifest, config, layers: checkLayers(manifest, config) };
}

interface Found {
  readonly fetched: FetchedManifest;
  /** Where it had to be looked at to know the platform. */
  readonly config?: ImageConfig;
}

async function descend(
  repository: Repository,
  top: FetchedManifest,
  options: FetchOptions,
  operation: Patience,
): Promise<Found> {
  const choice = new PlatformChoice(wantedPlatform({ platform: options.platform }));
  const queue: FetchedManifest[] = [top];
  for (let current = queue.shift(); current !== undefined; current = queue.shift()) {
    if (current.manifest.kind !== "index") {
      const found = await whenWanted(repository, current, choice, operation);
      if (found !== undefined) return found;
      continue;
    }
    for (const entry of choice.select(current.manifest)) {
      const bytes = await readVerified(repository, entry, metadataLimits.manifest, operation);
      const manifest = parseManifest(bytes, { mediaType: entry.mediaType });
      queue.push({ descriptor: entry, bytes, manifest });
    }
  }
  throw choice.noMatch();
}

/** An artifact is for no platform, so for any that is asked for. */
async function whenWanted(
  repository: Repository,
  fetched: FetchedManifest,
  choice: PlatformChoice,
  operation: Patience,
): Promise<Found | undefined> {
  const { descriptor, manifest } = fetched;
  if (!choice.needsConfig(descriptor) || manifest.kind !== "image") return { fetched };
  if (!isImageConfigType(manifest.config.mediaType)) return { fetched };
  const config = await fetchConfig(repository, manifest, operation);
  return choice.accepts(descriptor, config) ? { fetched, config } : undefined;
}

async function fetchConfig(
  repository: Repository,
  { config }: ImageManifest,
  operation: Patience,
): Promise<ImageConfig> {
  return parseImageConfig(await readVerified(repository, config, metadataLimits.config, operation));
}

function checkSpan(offset: number, length: number, descriptor: Descriptor): void {
  const valid = Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length);
  if (valid && length >= 0 && offset <= descriptor.size) return;
  throw new LadingError(
    "usage",
    `the blob has ${descriptor.size} bytes; that part lies outside it`,
    {
      digest: descriptor.digest,
    },
  );
}
