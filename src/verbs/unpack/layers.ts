import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../clock.ts";
import { makeFolder } from "../../disk/folder.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { loadKernel } from "../../disk/kernel/load.ts";
import { acquireLock } from "../../disk/lock.ts";
import { type NameFolding, type NameFoldingProbe, nameFolding } from "../../disk/name-folding.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import { takesOverlayNodes } from "../../layer/apply/overlay-nodes.ts";
import { LayerCache } from "../../layer/cache/cache-destination.ts";
import { sweepStaging } from "../../layer/cache/sweep.ts";
import { FixupCache } from "../../layer/fixup/fixup-cache.ts";
import { type PoolOptions, WorkerPool } from "../../layer/worker/pool.ts";
import type { Layout } from "../../store/layout.ts";
import type { OverlaySupport } from "./options.ts";

/** What unpacking needs beside the store: threads, the layer cache, and what the disk can do. */
export interface Layers extends AsyncDisposable {
  readonly pool: WorkerPool;
  readonly cache: LayerCache;
  readonly fixups: FixupCache;
  readonly kernel: Kernel | undefined;
  /** Which names the store's file system takes for one. */
  readonly folding: NameFolding;
  /** Asks that of another one. */
  readonly nameFolding: NameFoldingProbe;
  readonly overlay: OverlaySupport;
}

export async function openLayers(
  layout: Layout,
  clock: Clock,
  options: PoolOptions,
  probe: NameFoldingProbe = nameFolding,
): Promise<Layers> {
  const kernel = options.native === false ? undefined : await loadKernel();
  const pool = new WorkerPool(options);
  await makeFolder(layout.layers);
  await makeFolder(layout.staging);
  await sweepStaging(layout, pool);
  return {
    pool,
    cache: new LayerCache({ layout, clock, pool }),
    fixups: new FixupCache({ layout, clock, pool }),
    kernel,
    nameFolding: probe,
    ...(await probed(layout, clock, kernel, probe)),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

/** Tries what the disk can do, in a folder that no other process has or sweeps meanwhile. */
async function probed(
  layout: Layout,
  clock: Clock,
  kernel: Kernel | undefined,
  probe: NameFoldingProbe,
): Promise<Pick<Layers, "folding" | "overlay">> {
  const lock = await acquireLock(layout.lock("layer-probe"), "exclusive", { clock });
  const folder = join(layout.staging, "probe");
  try {
    await makeFolder(folder);
    return { folding: await probe(folder), overlay: overlaySupport(folder, kernel) };
  } finally {
    await rm(folder, { recursive: true, force: true });
    lock.release();
  }
}

/** Root's marks where they are allowed (not in a user namespace), else anyone's, else none. */
function overlaySupport(folder: string, kernel: Kernel | undefined): OverlaySupport {
  const root = process.geteuid?.() === 0;
  if (kernel === undefined) return { nodes: false, namespace: root ? "trusted" : "user" };
  using tree = openTree(folder, kernel);
  const tries = root ? (["trusted", "user"] as const) : (["user"] as const);
  for (const namespace of tries) {
    if (takesOverlayNodes(tree, kernel, namespace)) return { nodes: true, namespace };
  }
  return { nodes: false, namespace: root ? "trusted" : "user" };
}
