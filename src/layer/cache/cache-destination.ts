import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import { Turns } from "../../content/turns.ts";
import { onDisk } from "../../disk/disk-error.ts";
import { makeFolder, syncFolder } from "../../disk/folder.ts";
import { acquireLock } from "../../disk/lock.ts";
import { type DiffId, digestAlgorithm, digestHex } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";
import type { LayerDestination, LayerSlot, PlannedLayer } from "../engine/destination.ts";
import type { WorkerPool } from "../worker/pool.ts";
import { findLayer } from "./cached-layer.ts";

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

  inForm(form: string): LayerDestination {
    return { begin: (layer, options) => this.#begin(layer, form, options) };
  }

  async #begin(
    { diffId }: PlannedLayer,
    form: string,
    options: OperationOptions,
  ): Promise<LayerSlot | undefined> {
    const { layout } = this.#options;
    if ((await findLayer(layout, diffId, form)) !== undefined) return undefined;
    const release = await this.#take(diffId, form, options);
    try {
      if ((await findLayer(layout, diffId, form)) === undefined) {
        return await this.#slot(diffId, form, release);
      }
    } catch (error) {
      release();
      throw error;
    }
    release();
    return undefined;
  }

  async #slot(diffId: DiffId, form: string, release: () => void): Promise<LayerSlot> {
    const { layout, pool } = this.#options;
    const name = layerKey(diffId, form);
    const remove = (): Promise<void> =>
      pool.perform({ type: "remove", parent: layout.staging, name });
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
        await pool.perform({ type: "remove", parent: dirname(final), name: form });
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
      return () => {
        lock.release();
        endTurn();
      };
    } catch (error) {
      endTurn();
      throw error;
    }
  }
}

/** Names a layer in a form where one flat name is needed. */
export function layerKey(diffId: DiffId, form: string): string {
  return `${digestAlgorithm(diffId)}-${digestHex(diffId)}-${form}`;
}
