import { lstat, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import { Turns } from "../../content/turns.ts";
import { diskError, errno, onDisk } from "../../disk/disk-error.ts";
import { makeFolder, syncFolder } from "../../disk/folder.ts";
import { acquireLock } from "../../disk/lock.ts";
import { replaceFile } from "../../disk/publish.ts";
import { type DiffId, digestAlgorithm, digestHex } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";
import type { LayerDestination, LayerSlot, LayerThere } from "../engine/destination.ts";
import { formatSummary } from "../record.ts";
import { SUMMARY } from "../record-files.ts";
import type { WorkerPool } from "../worker/pool.ts";
import { type CachedLayer, findLayer } from "./cached-layer.ts";

export interface LayerCacheOptions {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly pool: WorkerPool;
}

/** Rights to make layers of the cache: one for each layer and form, in this process and between. */
export class LayerCache {
  readonly #options: LayerCacheOptions;
  readonly #turns = new Turns();

  constructor(options: LayerCacheOptions) {
    this.#options = options;
  }

  /** `sync`: what is there already has to be on the disk itself, too. */
  inForm(form: string, { sync }: { readonly sync: boolean }): LayerDestination {
    return { begin: ({ diffId }, options) => this.#begin(diffId, form, sync, options) };
  }

  async #begin(
    diffId: DiffId,
    form: string,
    sync: boolean,
    options: OperationOptions,
  ): Promise<LayerSlot | LayerThere> {
    const { layout } = this.#options;
    const find = (): Promise<CachedLayer | undefined> => findLayer(layout, diffId, form);
    const isEnough = ({ record }: CachedLayer): boolean => record.synced || !sync;
    const there = await find();
    if (there !== undefined && isEnough(there)) return { there: there.record };
    const release = await this.#take(diffId, form, options);
    try {
      const found = await find();
      if (found === undefined) return await this.#slot(diffId, form, release);
      if (!isEnough(found)) await this.#sync(found, options);
      release();
      return { there: found.record };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #sync({ path, rootfs, record }: CachedLayer, options: OperationOptions): Promise<void> {
    await this.#options.pool.perform({ type: "sync", path: rootfs }, { signal: options.signal });
    await replaceFile(join(path, SUMMARY), formatSummary({ ...record, synced: true }));
  }

  async #slot(diffId: DiffId, form: string, release: () => void): Promise<LayerSlot> {
    const { layout, pool } = this.#options;
    const name = layerKey(diffId, form);
    const remove = (): Promise<void> => removeIfThere(pool, layout.staging, name);
    const staging = join(layout.staging, name);
    await makeFolder(layout.staging);
    // What a killed process left: whoever has the lock may clear it away.
    await remove();
    return {
      staging,
      publish: async () => {
        const final = layout.layer(diffId, form);
        await makeFolder(dirname(final));
        // One that is there is not trusted any more, or it would have been found.
        await removeIfThere(pool, dirname(final), form);
        await onDisk("publishing a layer", final, () => rename(staging, final));
        await syncFolder(dirname(final));
        release();
      },
      clear: remove,
      abandon: () => remove().finally(release),
    };
  }

  async #take(diffId: DiffId, form: string, options: OperationOptions): Promise<() => void> {
    const { layout, clock } = this.#options;
    const { signal, onEvent } = options;
    const key = layerKey(diffId, form);
    const tell = (pid: number | undefined): void => {
      const holder = pid === undefined ? {} : { pid };
      onEvent?.({ type: "waiting", why: { kind: "same-layer", digest: diffId, ...holder } });
    };
    const endTurn = await this.#turns.take(key, signal, () => tell(process.pid));
    try {
      const path = layout.lock(`layer-${key}`);
      const lock = await acquireLock(path, "exclusive", { clock, signal, onWait: tell });
      return once(() => {
        lock.release();
        endTurn();
      });
    } catch (error) {
      endTurn();
      throw error;
    }
  }
}

/** Mostly nothing is there, and no thread need be asked. */
async function removeIfThere(pool: WorkerPool, parent: string, name: string): Promise<void> {
  const path = join(parent, name);
  const found = await lstat(path).catch((error: unknown) => {
    if (errno(error) === "ENOENT") return undefined;
    throw diskError(error, "making room for a layer", path);
  });
  if (found !== undefined) await pool.perform({ type: "remove", parent, name });
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/** Names a layer in a form where one flat name is needed. */
export function layerKey(diffId: DiffId, form: string): string {
  return `${digestAlgorithm(diffId)}-${digestHex(diffId)}-${form}`;
}
