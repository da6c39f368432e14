import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { hasBlob } from "../blobs/blobs.ts";
import type { Layout } from "../layout.ts";
import {
  type IndexEntry,
  makeEntry,
  readIndex,
  type StoreIndex,
  updateIndex,
} from "../names/index-json.ts";
import { type ReadImage, readImage } from "../names/read-image.ts";
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
  const state = await catalog.read(options, (database) => ({
    hash: readIndexHash(database),
    names: readNames(database),
  }));
  if (state.hash === index.hash) return;
  const whole = await restoreNames(layout, clock, index, state.names, options);
  const changed = whole.entries.filter(
    ({ name, descriptor }) =>
      name !== undefined && state.names.get(name)?.descriptor.digest !== descriptor.digest,
  );
  const images: ReadImage[] = [];
  for (const entry of changed) {
    const image = await readImage(layout, entry);
    if (image !== undefined) images.push(image);
  }
  const present = new Set(whole.entries.map(({ name }) => name));
  const gone = [...state.names.keys()].filter((name) => !present.has(name));
  await catalog.write(options, (database) => {
    for (const name of gone) deleteName(database, name);
    for (const image of images) writeImage(database, image);
    deleteOrphans(database);
    writeIndexHash(database, whole.hash);
  });
}

async function restoreNames(
  layout: Layout,
  clock: Clock,
  index: StoreIndex,
  names: ReadonlyMap<string, NameRow>,
  options: OperationOptions,
): Promise<StoreIndex> {
  const present = new Set(index.entries.map(({ name }) => name));
  const vanished: (readonly [string, NameRow])[] = [];
  for (const [name, row] of names) {
    if (!present.has(name) && (await hasBlob(layout, row.descriptor))) vanished.push([name, row]);
  }
  if (vanished.length === 0) return index;
  for (const [name] of vanished) {
    options.onEvent?.({
      type: "warning",
      code: "name-restored",
      message: `another tool dropped ${name} from the store's index.json; it was put back`,
    });
  }
  return updateIndex(layout, clock, options, ({ entries }) => [
    ...entries,
    ...vanished.map(([name, row]) => restored(name, row.descriptor, row.pulledAt ?? clock.now())),
  ]);
}

function restored(name: string, descriptor: Descriptor, pulledAt: number): IndexEntry {
  return makeEntry({ descriptor, name, pulledAt, platforms: [] });
}
