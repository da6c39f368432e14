import { access, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import { errno, onDisk } from "../../disk/disk-error.ts";
import { makeFolder } from "../../disk/folder.ts";
import { LadingError } from "../../errors.ts";
import { hasBlob, listBlobs } from "../blobs/blobs.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { type NameRow, readNames } from "../catalog/read.ts";
import { type Layout, writeError } from "../layout.ts";
import { type IndexEntry, lockIndex, makeEntry, readIndex } from "./index-json.ts";

/**
 * An empty `index.json` for a store that is new. One that has content, or a catalog that may know
 * names, lost its own: there an empty one would say that nothing is needed.
 */
export async function ensureIndex(layout: Layout, clock: Clock): Promise<void> {
  if (await isThere(layout.index)) return;
  if ((await writeError(layout)) !== undefined) return;
  await lockIndex(layout, clock, {}, async ({ index, replace }) => {
    if (index.hash !== "" || (await isThere(layout.catalog))) return;
    for await (const _ of listBlobs(layout)) return;
    await replace([]);
  });
}

/**
 * Makes `index.json` again where it is missing or can't be read, from the names of the catalog whose
 * blobs are there. A damaged file is moved to `quarantine/`, and only when there is something to put
 * in its place.
 */
export async function restoreIndex(
  layout: Layout,
  catalog: Catalog,
  clock: Clock,
  options: OperationOptions,
): Promise<void> {
  const state = await stateOf(layout);
  if (state === "whole") return;
  const entries = await knownEntries(layout, catalog, clock, options);
  if (state === "damaged") {
    if (entries.length === 0) throw nothingKnown(layout);
    await makeFolder(layout.quarantine);
    const to = join(layout.quarantine, `index.json.${clock.now()}`);
    await onDisk("moving a damaged index.json away", to, () => rename(layout.index, to));
  }
  await lockIndex(layout, clock, options, async ({ index, replace }) => {
    if (index.hash === "") await replace(entries);
  });
}

/** The entry of a name as the catalog remembers it. */
export function rememberedEntry(name: string, row: NameRow, clock: Clock): IndexEntry {
  const { descriptor, pulledAt = clock.now(), platforms } = row;
  return makeEntry({ descriptor, name, pulledAt, platforms });
}

async function stateOf(layout: Layout): Promise<"whole" | "missing" | "damaged"> {
  try {
    return (await readIndex(layout)).hash === "" ? "missing" : "whole";
  } catch (error) {
    if (error instanceof LadingError && error.code === "store-corrupt") return "damaged";
    throw error;
  }
}

async function knownEntries(
  layout: Layout,
  catalog: Catalog,
  clock: Clock,
  options: OperationOptions,
): Promise<readonly IndexEntry[]> {
  const names = await catalog.read(options, readNames).catch((error: unknown) => {
    if (error instanceof LadingError && error.code === "store-corrupt") return undefined;
    throw error;
  });
  const entries: IndexEntry[] = [];
  for (const [name, row] of names ?? []) {
    if (await hasBlob(layout, row.descriptor)) entries.push(rememberedEntry(name, row, clock));
  }
  return entries;
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: unknown) => errno(error) !== "ENOENT",
  );
}

function nothingKnown(layout: Layout): LadingError {
  return new LadingError(
    "store-corrupt",
    "the store's index.json can't be read, and the catalog knows no names to make it again from",
    {
      path: layout.index,
      hint: "mend the file, or remove it, run lading store rebuild, and pull the images again: what is there is not fetched twice",
    },
  );
}
