import { createHash } from "node:crypto";
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import { Turns } from "../../content/turns.ts";
import { bootId } from "../../disk/boot-id.ts";
import { onDisk } from "../../disk/disk-error.ts";
import { readRegular } from "../../disk/file.ts";
import { makeFolder, syncFolder } from "../../disk/folder.ts";
import { acquireLock } from "../../disk/lock.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";
import type { CachedLayer } from "../cache/cached-layer.ts";
import type { WorkerPool } from "../worker/pool.ts";
import { type FixupRecord, MAX_FIXUP_RECORD_BYTES, parseFixupRecord } from "./fixup-record.ts";
import { mayNeedFixup } from "./lowers.ts";

export interface FixupCacheOptions {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly pool: WorkerPool;
}

/** Fix-up layers, one for each chain and form that needs one, made once in this process and between. */
export class FixupCache {
  readonly #options: FixupCacheOptions;
  readonly #turns = new Turns();

  constructor(options: FixupCacheOptions) {
    this.#options = options;
  }

  /** The root of what goes on top of these layers, bottom first; `undefined` when nothing has to. */
  async of(
    layers: readonly CachedLayer[],
    form: string,
    options: OperationOptions,
  ): Promise<string | undefined> {
    const records = layers.map(({ record }) => record);
    if (!mayNeedFixup(records)) return undefined;
    const chain = records.map(({ diffId }) => diffId);
    const key = createHash("sha256")
      .update(JSON.stringify([chain, form]))
      .digest("hex");
    const folder = join(this.#options.layout.fixups, key, form);
    const record =
      (await findFixup(folder, chain, form)) ??
      (await this.#locked(`fixup-${key}-${form}`, options, async (name) => {
        const found = await findFixup(folder, chain, form);
        return found ?? this.#make(layers, { name, folder, form, chain }, options);
      }));
    return record.empty ? undefined : join(folder, "rootfs");
  }

  async #make(
    layers: readonly CachedLayer[],
    { name, folder, form, chain }: Making,
    { signal }: OperationOptions,
  ): Promise<FixupRecord> {
    const { layout, pool } = this.#options;
    const { staging: parent } = layout;
    const staging = join(parent, name);
    await makeFolder(parent);
    await pool.perform({ type: "remove", parent, name });
    try {
      const paths = layers.map(({ path }) => path);
      await pool.perform(
        { type: "fixup", layers: paths, staging, formName: form, bootId: bootId() ?? "" },
        { signal },
      );
      await makeFolder(dirname(folder));
      await pool.perform({ type: "remove", parent: dirname(folder), name: form });
      await onDisk("publishing a layer", folder, () => rename(staging, folder));
      await syncFolder(dirname(folder));
    } catch (error) {
      await pool.perform({ type: "remove", parent, name }).catch(() => {});
      throw error;
    }
    return (await findFixup(folder, chain, form)) ?? readRecord(folder);
  }

  async #locked<T>(
    name: string,
    { signal }: OperationOptions,
    work: (name: string) => Promise<T>,
  ): Promise<T> {
    const { layout, clock } = this.#options;
    const endTurn = await this.#turns.take(name, signal);
    try {
      const path = layout.lock(`layer-${name}`);
      const lock = await acquireLock(path, "exclusive", { clock, signal });
      try {
        return await work(name);
      } finally {
        lock.release();
      }
    } finally {
      endTurn();
    }
  }
}

interface Making {
  readonly name: string;
  readonly folder: string;
  readonly form: string;
  readonly chain: readonly DiffId[];
}

/** One that is there for that chain, made since the machine started: none is ever synced. */
async function findFixup(
  folder: string,
  chain: readonly DiffId[],
  form: string,
): Promise<FixupRecord | undefined> {
  const record = await readRecord(folder).catch(() => undefined);
  if (record === undefined || record.form !== form) return undefined;
  if (record.chain.join(" ") !== chain.join(" ")) return undefined;
  return record.bootId !== "" && record.bootId === bootId() ? record : undefined;
}

async function readRecord(folder: string): Promise<FixupRecord> {
  return parseFixupRecord(await readRegular(join(folder, "fixup.json"), MAX_FIXUP_RECORD_BYTES));
}
