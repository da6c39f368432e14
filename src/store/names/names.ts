import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { formatPlatform, type Platform } from "../../oci/platform.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { readImages } from "../catalog/read.ts";
import { reconcile, reconcileLocked } from "../catalog/reconcile.ts";
import {
  deleteName,
  deleteOrphans,
  forgetIndexHash,
  touchName,
  writeImage,
  writeIndexHash,
} from "../catalog/write.ts";
import type { Layout } from "../layout.ts";
import type { FindOptions, ImageRecord, StoredImage } from "../types.ts";
import { type IndexEntry, lockIndex, named, readIndex, withoutName } from "./index-json.ts";
import { type ReadImage, readImage } from "./read-image.ts";
import { restoreIndex } from "./restore-index.ts";

/** What the verbs below work on. */
export interface NamesOf {
  readonly layout: Layout;
  readonly catalog: Catalog;
  readonly clock: Clock;
}

/** Names an image whose every blob is on disk: `index.json` first, then the catalog. */
export async function recordImage(
  store: NamesOf,
  record: ImageRecord,
  options: OperationOptions,
): Promise<void> {
  const { layout, catalog, clock } = store;
  const { reference: name, descriptor } = record;
  const pulledAt = clock.now();
  const entry: IndexEntry = { descriptor, name, pulledAt, raw: {} };
  const read = await readImage(layout, entry);
  if (read === undefined || !containsAll(read, record)) throw incomplete(record);
  // Of all that is there: an earlier pull may have brought other platforms.
  const platforms = [
    ...new Set(read.image.manifests.map(({ platform }) => formatPlatform(platform))),
  ];
  await lockIndex(layout, clock, options, async (locked) => {
    await reconcileLocked(layout, catalog, clock, locked, options);
    const { hash } = await locked.replace(
      named(locked.index, { descriptor, name, pulledAt, platforms }),
    );
    await catalog.write(options, (database) => {
      writeImage(database, read);
      deleteOrphans(database);
      writeIndexHash(database, hash);
    });
  });
}

/** What a name means, read from the disk: with a platform, only if that one is complete. */
export async function findImage(
  { layout }: NamesOf,
  name: string,
  platform?: Platform,
  options?: FindOptions,
): Promise<StoredImage | undefined> {
  const entry = await findEntry(layout, name);
  if (entry === undefined) return undefined;
  return (await readImage(layout, entry, platform, options))?.image;
}

export async function findDescriptor(
  { layout }: NamesOf,
  name: string,
): Promise<Descriptor | undefined> {
  return (await findEntry(layout, name))?.descriptor;
}

export async function listImages(
  { layout, catalog, clock }: NamesOf,
  options: OperationOptions,
): Promise<readonly StoredImage[]> {
  await reconcile(layout, catalog, clock, options);
  return catalog.read(options, readImages);
}

/**
 * Puts names into `index.json` that only the catalog has, where it can still be read: with a file that
 * is missing or damaged the catalog is the last to know.
 */
export async function saveNames(
  { layout, catalog, clock }: NamesOf,
  options: OperationOptions,
): Promise<void> {
  await restoreIndex(layout, catalog, clock, options);
  await reconcile(layout, catalog, clock, options).catch((error: unknown) => {
    if (!(error instanceof LadingError) || error.code !== "store-corrupt") throw error;
  });
}

/** Takes a name away. The catalog forgets it first, so that a crash between does not bring it back. */
export async function removeName(
  store: NamesOf,
  name: string,
  options: OperationOptions,
): Promise<Descriptor | undefined> {
  const { layout, catalog, clock } = store;
  return lockIndex(layout, clock, options, async (locked) => {
    await reconcileLocked(layout, catalog, clock, locked, options);
    const { entries } = locked.index;
    const entry = entries.findLast((other) => other.name === name);
    if (entry === undefined) return undefined;
    await catalog.write(options, (database) => {
      deleteName(database, name);
      forgetIndexHash(database);
    });
    const { hash } = await locked.replace(
      entries.map((other) => (other.name === name ? withoutName(other) : other)),
    );
    await catalog.write(options, (database) => {
      deleteOrphans(database);
      writeIndexHash(database, hash);
    });
    return entry.descriptor;
  });
}

/** Notes that an image was used; a note that can't be written is no reason to fail. */
export async function touchImage({ catalog, clock }: NamesOf, name: string): Promise<void> {
  await catalog.write({}, (database) => touchName(database, name, clock.now())).catch(() => {});
}

async function findEntry(layout: Layout, name: string): Promise<IndexEntry | undefined> {
  const { entries } = await readIndex(layout);
  return entries.findLast((entry) => entry.name === name);
}

function containsAll({ image }: ReadImage, { manifests }: ImageRecord): boolean {
  const complete = new Set(image.manifests.map(({ descriptor }) => descriptor.digest));
  return manifests.every(({ descriptor }) => complete.has(descriptor.digest));
}

function incomplete({ reference, descriptor }: ImageRecord): LadingError {
  return new LadingError("store-corrupt", "an image was to be named of which parts are missing", {
    reference,
    digest: descriptor.digest,
    hint: "pull it again",
  });
}
