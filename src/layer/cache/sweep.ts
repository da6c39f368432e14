import { readdir } from "node:fs/promises";
import { tryLock } from "../../disk/lock.ts";
import type { Layout } from "../../store/layout.ts";
import type { WorkerPool } from "../worker/pool.ts";

/** Clears away what killed processes were writing. What somebody still writes is locked, and stays. */
export async function sweepStaging(layout: Layout, pool: WorkerPool): Promise<void> {
  const names = await readdir(layout.staging).catch(() => []);
  // What begins with a dot is a probe, gone by itself in a moment.
  for (const name of names.filter((name) => !name.startsWith("."))) {
    const lock = await tryLock(layout.lock(`layer-${name}`), "exclusive");
    if (lock === undefined) continue;
    // Somebody else's that we may not remove is no reason not to work.
    await pool
      .perform({ type: "remove", parent: layout.staging, name })
      .catch(() => {})
      .finally(() => lock.release());
  }
}
