import { readdir } from "node:fs/promises";
import { tryLock } from "../../disk/lock.ts";
import type { Layout } from "../../store/layout.ts";
import type { WorkerPool } from "../worker/pool.ts";

/** Clears away what killed processes were writing. What somebody still writes is locked, and stays. */
export async function sweepStaging(layout: Layout, pool: WorkerPool): Promise<void> {
  for (const name of await readdir(layout.staging).catch(() => [])) {
    const lock = await tryLock(layout.lock(`layer-${name}`), "exclusive");
    if (lock === undefined) continue;
    try {
      await pool.perform({ type: "remove", parent: layout.staging, name });
    } finally {
      lock.release();
    }
  }
}
