import { readdir } from "node:fs/promises";
import type { WorkerPool } from "../../layer/worker/pool.ts";
import { workshops } from "./target.ts";

/**
 * Clears away what killed processes left of a target, whole or not. Its lock is held: nobody is at it.
 */
export async function sweepTarget(target: string, owner: string, pool: WorkerPool): Promise<void> {
  for (const { folder, prefix } of workshops(target, owner)) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!name.startsWith(prefix)) continue;
      await pool.perform({ type: "remove", parent: folder, name });
    }
  }
}
