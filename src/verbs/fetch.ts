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
import { isIndexType } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { Repository } from "../registry/repository.ts";
import { failing } from "./failing.ts";
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
    return options.platform === undefined ? top : descend(repository, top, options, operation);
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
    const top = await fetchNamed(repository, name, operation);
    const { descriptor, bytes, manifest } = await descend(repository, top, options, operation);
    if (manifest.kind !== "image") throw notAnImage(descriptor);
    const raw = await readVerified(repository, manifest.config, metadataLimits.config, operation);
    const config = parseImageConfig(raw);
    return { descriptor, bytes, manifest, config, layers: checkLayers(manifest, config) };
  });
}

/** The descriptor of the image manifest for a platform, without fetching more than indexes. */
export function resolvePlatform(
  session: Session,
  text: string,
  platform?: string | Platform,
  options: OperationOptions = {},
): Promise<Descriptor> {
  return asking(session, text, options, async (repository, name, operation) => {
    const top = await fetchNamed(repository, name, operation);
    return (await descend(repository, top, { platform }, operation)).descriptor;
  });
}

export interface FetchBlobOptions extends OperationOptions {
  /** First byte. Default 0. */
  readonly offset?: number | undefined;
  /** Default: to the end. */
  readonly length?: number | undefined;
}

/**
 * Any part of a blob as a stream, resumed when the connection breaks. Only the reader can verify it,
 * and only when it is the whole: hash it and compare with the digest.
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

async function descend(
  repository: Repository,
  top: FetchedManifest,
  options: FetchOptions,
  operation: Patience,
): Promise<FetchedManifest> {
  const choice = new PlatformChoice(wantedPlatform({ platform: options.platform }));
  const queue: FetchedManifest[] = [top];
  for (let current = queue.shift(); current !== undefined; current = queue.shift()) {
    if (current.manifest.kind !== "index") return current;
    for (const entry of choice.select(current.manifest)) {
      const bytes = await readVerified(repository, entry, metadataLimits.manifest, operation);
      const manifest = parseManifest(bytes, { mediaType: entry.mediaType });
      const fetched = { descriptor: entry, bytes, manifest };
      if (!isIndexType(entry.mediaType)) return fetched;
      queue.push(fetched);
    }
  }
  throw choice.noMatch();
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

function notAnImage(descriptor: Descriptor): LadingError {
  return new LadingError(
    "not-found",
    "the reference names an artifact, which has no image config",
    {
      digest: descriptor.digest,
      hint: "look at its manifest instead",
    },
  );
}
