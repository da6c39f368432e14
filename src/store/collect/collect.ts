import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { OperationOptions } from "../../content/events.ts";
import { onDisk } from "../../disk/disk-error.ts";
import { isTemporary } from "../../disk/publish.ts";
import { LadingError, throwIfAborted } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { DiffId, Digest } from "../../oci/digest.ts";
import { isImageConfigType } from "../../oci/media-types.ts";
import { blobSize, listBlobs } from "../blobs/blobs.ts";
import { reconcile, reconcileLocked } from "../catalog/reconcile.ts";
import { deleteOrphans, writeIndexHash } from "../catalog/write.ts";
import type { Holds } from "../hold.ts";
import type { Layout } from "../layout.ts";
import { isOver, readMountRecords } from "../mounts/mount-record.ts";
import { isUnnamed, lockIndex, readIndex } from "../names/index-json.ts";
import type { NamesOf } from "../names/names.ts";
import type { CollectReport } from "../types.ts";
import { chainsOf } from "./chains.ts";
import { removeLayers, unneededLayers } from "./layers.ts";
import { liveLeases } from "./lease.ts";
import { reachable } from "./reachable.ts";

export interface CollectOptions extends OperationOptions {
  readonly dryRun?: boolean | undefined;
}

/**
 * Frees what neither a name nor a lease reaches: blobs, unpacked layers, and downloads that nobody goes on with. Nobody
 * writes meanwhile, so that a pull elsewhere loses nothing: it waits, or it is waited for.
 */
export async function collect(
  store: NamesOf & { readonly holds: Holds },
  options: CollectOptions = {},
): Promise<CollectReport> {
  const { layout, catalog, clock, holds } = store;
  const lock = await holds.exclusive(options);
  try {
    if ((await readIndex(layout)).hash === "") throw lostIndex(layout);
    await reconcile(layout, catalog, clock, options);
    const index = await readIndex(layout);
    const kept = index.entries.filter((entry) => !isUnnamed(entry));
    const leased = await liveLeases(layout, clock);
    const roots = [...kept.map(({ descriptor }) => descriptor), ...leased.roots];
    const configs: Descriptor[] = [];
    const reached = await reachable(layout, roots, "stop", (descriptor) => {
      if (isImageConfigType(descriptor.mediaType)) configs.push(descriptor);
    });
    const blobs = await unreached(layout, reached, options);
    const ingests = await abandoned(layout);
    const inUse = [...leased.chains, ...(await mountedChains(layout))];
    const chains = [...(await chainsOf(layout, configs, options.signal)), ...inUse];
    const { layers, fixupBytes, folders } = await unneededLayers(layout, chains);
    const bytes = [...blobs, ...ingests, ...layers].reduce(
      (sum, { size }) => sum + size,
      fixupBytes,
    );
    const dryRun = options.dryRun ?? false;
    const report = { dryRun, blobs, layers, bytes, ingests: ingests.length };
    if (options.dryRun) return report;

    // Names before content: a crash between leaves blobs that nobody needs, never a name without.
    await lockIndex(layout, clock, options, async (locked) => {
      await reconcileLocked(layout, catalog, clock, locked, options);
      const { entries } = locked.index;
      const { hash } = await locked.replace(
        entries.some(isUnnamed) ? entries.filter((entry) => !isUnnamed(entry)) : entries,
      );
      await catalog.write(options, (database) => {
        deleteOrphans(database);
        writeIndexHash(database, hash);
      });
    });
    for (const { digest } of blobs) await remove(layout.blob(digest));
    for (const { path } of ingests) await remove(path);
    await removeLayers(layout, folders);
    return report;
  } finally {
    lock.release();
  }
}

/** What is mounted stays, though its image and its lease may be gone. */
async function mountedChains(layout: Layout): Promise<readonly (readonly DiffId[])[]> {
  const chains: (readonly DiffId[])[] = [];
  for (const record of await readMountRecords(layout)) {
    if (!(await isOver(record))) chains.push(record.chain);
  }
  return chains;
}

async function unreached(
  layout: Layout,
  reached: ReadonlySet<Digest>,
  { signal }: OperationOptions,
): Promise<readonly { digest: Digest; size: number }[]> {
  const blobs: { digest: Digest; size: number }[] = [];
  for await (const digest of listBlobs(layout)) {
    throwIfAborted(signal);
    if (!reached.has(digest)) blobs.push({ digest, size: (await blobSize(layout, digest)) ?? 0 });
  }
  return blobs;
}

/** With the store to ourselves nobody downloads, so every part and temporary file was left behind. */
async function abandoned(layout: Layout): Promise<readonly { path: string; size: number }[]> {
  const parts = await readdir(layout.ingests).catch(() => []);
  const temporary = (await readdir(layout.root).catch(() => [])).filter(isTemporary);
  const paths = [
    ...parts.map((name) => join(layout.ingests, name)),
    ...temporary.map((name) => join(layout.root, name)),
  ];
  return Promise.all(
    paths.map(async (path) => ({
      path,
      size: (await stat(path).catch(() => undefined))?.size ?? 0,
    })),
  );
}

async function remove(path: string): Promise<void> {
  await onDisk("removing from the store", path, () => rm(path, { force: true, recursive: true }));
}

function lostIndex(layout: Layout): LadingError {
  return new LadingError(
    "store-corrupt",
    "the store has no index.json, so nobody knows what is needed, and nothing was collected",
    {
      path: layout.index,
      hint: "make it again from the catalog with: lading store rebuild",
    },
  );
}
