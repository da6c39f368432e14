import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import { hasBlob } from "../blobs/blobs.ts";
import { type Layout, writeError } from "../layout.ts";
import {
  type IndexEntry,
  type LockedIndex,
  lockIndex,
  readIndex,
  type StoreIndex,
} from "../names/index-json.ts";
import { type ReadImage, readImage } from "../names/read-image.ts";
import { rememberedEntry } from "../names/restore-index.ts";
import type { Catalog } from "./catalog.ts";
import { type NameRow, readIndexHash, readNames } from "./read.ts";
import { deleteName, deleteOrphans, writeImage, writeIndexHash } from "./write.ts";

/**
 * Brings the catalog to what `index.json` says, when another process or another tool has changed it.
 * What they added is taken in; a name that vanished without our doing is put back, with a warning.
 */
export async function reconcile(
  layout: Layout,
  catalog: Catalog,
  clock: Clock,
  options: OperationOptions,
): Promise<void> {
  const index = await readIndex(layout);
  if (index.hash === (await catalog.read(options, readIndexHash))) return;
  if ((await writeError(layout)) !== undefined) {
    await reflect(layout, catalog, index, await remembered(catalog, options), options);
  } else {
    await lockIndex(layout, clock, options, (locked) =>
      reconcileLocked(layout, catalog, clock, locked, options),
    );
  }
}

/** The same for who has `index.json` locked already: what was seen before the lock may be over. */
export async function reconcileLocked(
  layout: Layout,
  catalog: Catalog,
  clock: Clock,
  locked: LockedIndex,
  options: OperationOptions,
): Promise<void> {
  const state = await remembered(catalog, options);
  if (state.hash === locked.index.hash) return;
  const vanished = await restoreNames(layout, clock, locked.index, state.names, options);
  if (vanished.length > 0) await locked.replace([...locked.index.entries, ...vanished]);
  await reflect(layout, catalog, locked.index, state, options);
}

/** Reads every image from the disk again: for when blobs came or went without `index.json` changing. */
export async function refresh(
  layout: Layout,
  catalog: Catalog,
  clock: Clock,
  options: OperationOptions,
): Promise<void> {
  await lockIndex(layout, clock, options, async (locked) => {
    const { names } = await remembered(catalog, options);
    await reflect(layout, catalog, locked.index, { names, hash: undefined }, options);
  });
}

interface Remembered {
  /** `undefined`: nothing of what the catalog says is known to be so. */
  readonly hash: string | undefined;
  readonly names: ReadonlyMap<string, NameRow>;
}

function remembered(catalog: Catalog, options: OperationOptions): Promise<Remembered> {
  return catalog.read(options, (database) => ({
    hash: readIndexHash(database),
    names: readNames(database),
  }));
}

async function reflect(
  layout: Layout,
  catalog: Catalog,
  index: StoreIndex,
  { hash, names }: Remembered,
  options: OperationOptions,
): Promise<void> {
  const entries = new Map<string, IndexEntry>();
  for (const entry of index.entries) if (entry.name !== undefined) entries.set(entry.name, entry);
  const gone = [...names.keys()].filter((name) => !entries.has(name));
  const images: ReadImage[] = [];
  for (const [name, entry] of entries) {
    if (hash !== undefined && isKnown(entry, names.get(name))) continue;
    const image = await readForeign(layout, entry, options);
    if (image === undefined) gone.push(name);
    else images.push(image);
  }
  await catalog.write(options, (database) => {
    for (const name of gone) deleteName(database, name);
    for (const image of images) writeImage(database, image);
    deleteOrphans(database);
    writeIndexHash(database, index.hash);
  });
}

function isKnown({ descriptor, pulledAt }: IndexEntry, row: NameRow | undefined): boolean {
  return row?.descriptor.digest === descriptor.digest && row.pulledAt === pulledAt;
}

/** Another tool may have written anything: what can't be understood is kept, and is no image. */
async function readForeign(
  layout: Layout,
  entry: IndexEntry,
  { onEvent }: OperationOptions,
): Promise<ReadImage | undefined> {
  try {
    return await readImage(layout, entry);
  } catch (error) {
    if (!(error instanceof LadingError) || !NOT_UNDERSTOOD.has(error.code)) throw error;
    onEvent?.({
      type: "warning",
      code: "store",
      message: `${entry.name} of the store's index.json is left alone: ${error.message}`,
    });
    return undefined;
  }
}

const NOT_UNDERSTOOD: ReadonlySet<string> = new Set(["malformed", "unsupported", "limit-exceeded"]);

async function restoreNames(
  layout: Layout,
  clock: Clock,
  index: StoreIndex,
  names: ReadonlyMap<string, NameRow>,
  { onEvent }: OperationOptions,
): Promise<readonly IndexEntry[]> {
  const present = new Set(index.entries.map(({ name }) => name));
  const vanished: IndexEntry[] = [];
  for (const [name, row] of names) {
    if (present.has(name) || !(await hasBlob(layout, row.descriptor))) continue;
    vanished.push(rememberedEntry(name, row, clock));
    onEvent?.({
      type: "warning",
      code: "name-restored",
      message: `another tool dropped ${name} from the store's index.json; it was put back`,
    });
  }
  return vanished;
}
