import { systemClock } from "../clock.ts";
import { readVerified } from "../content/transfer/read.ts";
import { streamSpan } from "../content/transfer/stream.ts";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { metadataLimits } from "../oci/limits.ts";
import { type LocalStore, openStore } from "../store/local-store.ts";
import type { StoredManifest } from "../store/types.ts";
import { wantedPlatform } from "../verbs/platform-choice.ts";
import { notStored, storedName, storedPlatform } from "../verbs/stored-image.ts";

/** A document of the store, with the bytes that its digest is of. */
export interface StoredDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface StoredQuery {
  readonly root: string | undefined;
  readonly reference: string;
  readonly platform?: string | undefined;
}

/** What a registry word prints when its place says `store:`: the manifest or index of a name. */
export function storedManifest(query: StoredQuery): Promise<StoredDocument> {
  return withStore(query, async (store, name) => {
    const descriptor =
      query.platform === undefined
        ? await store.resolve(name)
        : (await platformOf(store, query, name)).descriptor;
    const bytes = await readVerified(store, descriptor, metadataLimits.manifest);
    return { descriptor, bytes };
  });
}

export function storedConfig(query: StoredQuery): Promise<StoredDocument> {
  return withStore(query, async (store, name) => {
    const { config } = await platformOf(store, query, name);
    return { descriptor: config, bytes: await readVerified(store, config, metadataLimits.config) };
  });
}

/** Reads a part of a blob of the store into `sink`; resolves with the blob's own size. */
export function storedBlob(
  query: StoredQuery,
  span: { readonly digest: Digest; readonly offset: number; readonly length: number | undefined },
): Promise<ReadableStream<Uint8Array>> {
  return withStore(query, async (store) => {
    const descriptor = await store.resolve(parseDigest(span.digest));
    const end = Math.min(descriptor.size, span.offset + (span.length ?? descriptor.size));
    if (span.offset > descriptor.size) {
      throw new LadingError("usage", `the blob has only ${descriptor.size} bytes`);
    }
    return streamSpan(store, descriptor, { start: span.offset, end });
  });
}

async function withStore<T>(
  { root, reference }: StoredQuery,
  work: (store: LocalStore, name: string) => Promise<T>,
): Promise<T> {
  const store = await openStore({ root, clock: systemClock });
  try {
    return await work(store, await storedName(store, reference));
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

async function platformOf(
  store: LocalStore,
  { platform }: StoredQuery,
  reference: string,
): Promise<StoredManifest> {
  const found = await storedPlatform(store, reference, platform);
  if (found !== undefined) return found.manifest;
  const wanted = wantedPlatform({ platform });
  const error = await notStored(store, reference, wanted, "see what is there with: lading images");
  throw error.with({ reference });
}
