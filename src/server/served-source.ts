import type { ContentSource, OpenContent, OpenRange } from "../content/port.ts";
import { readSpan, readVerified } from "../content/transfer/read.ts";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import { parseManifest } from "../oci/manifest.ts";
import type { RepositoryName, Tag } from "../oci/reference.ts";
import type { ServedContent, ServedOptions } from "./content.ts";

export interface ServedSourceOptions {
  /** By which name the source knows a tag of a repository. Default `repository:tag`. */
  readonly name?: (repository: RepositoryName, tag: Tag, options: ServedOptions) => string;
  /** The port does not list names; left out, no repository says which tags it has. */
  readonly tags?: ServedContent["tags"];
}

/**
 * Any content source as a registry. It knows digests and names, not repositories: every repository
 * gives out all content of the source to who knows its digest.
 */
export function servedSource(
  source: ContentSource,
  { name = (repository, tag) => `${repository}:${tag}`, tags }: ServedSourceOptions = {},
): ServedContent {
  return {
    manifest: (repository, wanted, options) =>
      isDigest(wanted)
        ? manifestOf(source, wanted)
        : resolved(source, name(repository, wanted, options)),
    blob: (_repository, digest) => resolved(source, digest),
    open: async (descriptor, range) => opened(source, descriptor, range),
    tags: tags ?? (async () => undefined),
  };
}

async function resolved(source: ContentSource, name: string): Promise<Descriptor | undefined> {
  try {
    return await source.resolve(name);
  } catch (error) {
    if (error instanceof LadingError && error.code === "not-found") return undefined;
    throw error;
  }
}

/** A digest does not tell what it is of: the document does. */
async function manifestOf(source: ContentSource, digest: Digest): Promise<Descriptor | undefined> {
  const found = await resolved(source, digest);
  if (found === undefined || found.size > metadataLimits.manifest) return undefined;
  const bytes = await readVerified(source, found, metadataLimits.manifest);
  try {
    return { ...found, mediaType: parseManifest(bytes).mediaType };
  } catch {
    return undefined;
  }
}

/** Exactly the range, from a source that can't seek as well. */
function opened(
  source: ContentSource,
  descriptor: Descriptor,
  { offset, length = descriptor.size - offset }: OpenRange,
): OpenContent {
  const cancelled = new AbortController();
  const span = { start: offset, end: offset + length };
  return {
    offset,
    ranged: true,
    read: (sink) => readSpan(source, descriptor, span, { signal: cancelled.signal }, sink),
    cancel: () => cancelled.abort(),
  };
}
