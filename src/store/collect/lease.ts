import { randomUUID } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../clock.ts";
import { type Lock, tryLock } from "../../disk/lock.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { Layout } from "../layout.ts";
import type { Lease } from "../types.ts";
import { type LeaseFile, readLease, writeLease } from "./lease-file.ts";

/**
 * The leases that one process gives out. Each is a file `leases/<holder>.<n>.json`; what makes it
 * live is the kernel lock on `leases/<holder>.lock`, which is gone when the process is.
 */
export class Leases {
  readonly #layout: Layout;
  readonly #clock: Clock;
  readonly #holder = randomUUID();
  #lock: Promise<Lock | undefined> | undefined;
  #next = 0;

  constructor(layout: Layout, clock: Clock) {
    this.#layout = layout;
    this.#clock = clock;
  }

  /** The caller holds the store, so that nothing is collected before the lease is there. */
  async give(roots: readonly Descriptor[]): Promise<Lease> {
    this.#lock ??= tryLock(join(this.#layout.leases, `${this.#holder}.lock`), "exclusive");
    await this.#lock;
    const id = `${this.#holder}.${this.#next}`;
    this.#next += 1;
    const path = join(this.#layout.leases, `${id}.json`);
    const created = this.#clock.now();
    await writeLease(path, { roots, created });
    const release = (): Promise<void> => rm(path, { force: true });
    const clock = this.#clock;
    let kept = false;
    return {
      id,
      release,
      async keep(ms) {
        if (!Number.isFinite(ms) || ms <= 0) {
          throw new LadingError("usage", "a lease is kept for a positive number of milliseconds");
        }
        kept = true;
        await writeLease(path, { roots, created, expires: clock.now() + ms });
      },
      async [Symbol.asyncDispose]() {
        if (!kept) await release();
      },
    };
  }

  async close(): Promise<void> {
    (await this.#lock)?.release();
  }
}

/** What must not be collected, beside what has a name. */
export interface Leased {
  readonly roots: readonly Descriptor[];
  /** Layers that are in use unpacked, those of one root filesystem bottom first. */
  readonly chains: readonly (readonly DiffId[])[];
}

/** What living leases name; dead ones are removed. Only under the exclusive lock of the store. */
export async function liveLeases(layout: Layout, clock: Clock): Promise<Leased> {
  const names = await readdir(layout.leases).catch(() => []);
  const alive = new Map<string, boolean>();
  const roots: Descriptor[] = [];
  const chains: (readonly DiffId[])[] = [];
  for (const name of names.filter((name) => name.endsWith(".json"))) {
    const path = join(layout.leases, name);
    const lease = await readLease(path);
    if (!(await lives(lease, name))) {
      await rm(path, { force: true });
      continue;
    }
    roots.push(...lease.roots);
    if (lease.layers !== undefined) chains.push(lease.layers);
  }
  await removeDeadLocks(layout, names, alive);
  return { roots, chains };

  async function lives({ purpose, expires }: LeaseFile, name: string): Promise<boolean> {
    if (purpose !== undefined) return true;
    if (expires !== undefined) return expires > clock.now();
    const holder = name.slice(0, name.indexOf("."));
    const known = alive.get(holder) ?? (await isAlive(layout, holder));
    alive.set(holder, known);
    return known;
  }
}

async function isAlive(layout: Layout, holder: string): Promise<boolean> {
  const lock = await tryLock(join(layout.leases, `${holder}.lock`), "exclusive");
  lock?.release();
  return lock === undefined;
}

/** A holder's name is never used again, so its lock, unlike others, may go with it. */
async function removeDeadLocks(
  layout: Layout,
  names: readonly string[],
  alive: Map<string, boolean>,
): Promise<void> {
  for (const name of names.filter((name) => name.endsWith(".lock"))) {
    const holder = name.slice(0, name.indexOf("."));
    if (alive.get(holder) ?? (await isAlive(layout, holder))) continue;
    await rm(join(layout.leases, name), { force: true });
    await rm(join(layout.leases, `${name}.pid`), { force: true });
  }
}
