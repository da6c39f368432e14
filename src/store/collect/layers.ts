import type { Dirent } from "node:fs";
import { mkdir, readdir, rename, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { onDisk } from "../../disk/disk-error.ts";
import { readRegular } from "../../disk/file.ts";
import { makeFolder } from "../../disk/folder.ts";
import { tryLock } from "../../disk/lock.ts";
import { removeSlowly } from "../../disk/tree/open-tree.ts";
import { type DiffId, isDigest, parseDiffId } from "../../oci/digest.ts";
import { isObject, type JsonObject, parseJson } from "../../oci/json.ts";
import type { Layout } from "../layout.ts";
import { chainKey } from "./chains.ts";

export interface UnneededLayers {
  readonly layers: readonly { readonly diffId: DiffId; readonly size: number }[];
  /** Fix-up layers of stacks that no image makes any more: bytes of their files. */
  readonly fixupBytes: number;
  /** The folders of both. */
  readonly folders: readonly string[];
}

/** Unpacked layers, in whatever form, that none of these root filesystems has. */
export async function unneededLayers(
  layout: Layout,
  chains: readonly (readonly DiffId[])[],
): Promise<UnneededLayers> {
  const needed = new Set(chains.flat());
  const layers: { diffId: DiffId; size: number }[] = [];
  const folders: string[] = [];
  for (const algorithm of await foldersIn(layout.layers)) {
    for (const hex of await foldersIn(join(layout.layers, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (!isDigest(digest)) continue;
      const diffId = parseDiffId(digest);
      if (needed.has(diffId)) continue;
      const folder = layout.layerFolder(diffId);
      folders.push(folder);
      layers.push({ diffId, size: await bytesIn(folder, "layer.json") });
    }
  }
  const fixups = await unneededFixups(layout, new Set(chains.map(chainKey)));
  let fixupBytes = 0;
  for (const folder of fixups) fixupBytes += await bytesIn(folder, "fixup.json");
  return { layers, fixupBytes, folders: [...folders, ...fixups] };
}

/**
 * Removes folders of layers: at once from where they would be found, then file by file. With the store
 * to ourselves everything in the staging that nobody holds a lock on goes too.
 */
export async function removeLayers(layout: Layout, folders: readonly string[]): Promise<void> {
  await makeFolder(layout.staging);
  const lock = await tryLock(layout.lock(`layer-${COLLECTED}`), "exclusive");
  if (lock === undefined) return;
  try {
    await removeSlowly(layout.staging, COLLECTED);
    const collected = join(layout.staging, COLLECTED);
    await onDisk("removing layers from the store", collected, async () => {
      await mkdir(collected, { mode: 0o700 });
      for (const [position, folder] of folders.entries()) {
        await rename(folder, join(collected, String(position)));
      }
    });
    await onDisk("removing layers from the store", collected, () =>
      removeSlowly(layout.staging, COLLECTED),
    );
  } finally {
    lock.release();
  }
  await sweepStaging(layout);
  for (const name of await foldersIn(layout.layers)) {
    await rmdir(join(layout.layers, name)).catch(() => {});
  }
}

/** A name in the staging; its lock keeps those out who sweep there too. */
const COLLECTED = "collected";

async function sweepStaging(layout: Layout): Promise<void> {
  for (const name of await readdir(layout.staging).catch(() => [])) {
    const lock = await tryLock(layout.lock(`layer-${name}`), "exclusive");
    if (lock === undefined) continue;
    try {
      await onDisk("tidying the store", layout.staging, () => removeSlowly(layout.staging, name));
    } finally {
      lock.release();
    }
  }
}

/** One is no use without its very chain; one that does not say for which it is, none at all. */
async function unneededFixups(layout: Layout, chains: ReadonlySet<string>): Promise<string[]> {
  const folders: string[] = [];
  for (const key of await foldersIn(layout.fixups)) {
    const folder = join(layout.fixups, key);
    const forms = await foldersIn(folder);
    const records = await Promise.all(
      forms.map((form) => readRecord(join(folder, form), "fixup.json")),
    );
    const isNeeded = records.some(
      (record) => Array.isArray(record.chain) && chains.has(record.chain.join(" ")),
    );
    if (!isNeeded) folders.push(folder);
  }
  return folders;
}

/** What the records of all forms in a folder say that they wrote. */
async function bytesIn(folder: string, name: string): Promise<number> {
  let sum = 0;
  for (const form of await foldersIn(folder)) {
    const { bytes } = await readRecord(join(folder, form), name);
    if (typeof bytes === "number") sum += bytes;
  }
  return sum;
}

const MAX_RECORD_BYTES = 256 * 1024 * 1024;

async function readRecord(folder: string, name: string): Promise<JsonObject> {
  try {
    const bytes = await readRegular(join(folder, name), MAX_RECORD_BYTES);
    const record = parseJson(bytes, { what: name, maxBytes: MAX_RECORD_BYTES });
    return isObject(record) ? record : {};
  } catch {
    return {};
  }
}

async function foldersIn(path: string): Promise<readonly string[]> {
  const found = await readdir(path, { withFileTypes: true }).catch((): Dirent[] => []);
  return found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
