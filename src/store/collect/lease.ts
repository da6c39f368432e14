import { randomUUID } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../clock.ts";
import { readRegular } from "../../disk/file.ts";
import { type Lock, tryLock } from "../../disk/lock.ts";
import { replaceFile } from "../../disk/publish.ts";
import { LadingError } from "../../errors.ts";
import { type Descriptor, parseDescriptor } from "../../oci/descriptor.ts";
import { isObject, parseJson } from "../../oci/json.ts";
import type { Layout } from "../layout.ts";
import type { Lease } from "../types.ts";

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
    await writeLease(path, { roots });
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
        await writeLease(path, { roots, expires: clock.now() + ms });
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

interface LeaseFile {
  readonly roots: readonly Descriptor[];
  /** Milliseconds since the epoch; without it the lease lives as long as its holder. */
  readonly expires?: number;
}

const MAX_BYTES = 1024 * 1024;

async function writeLease(path: string, lease: LeaseFile): Promise<void> {
  const roots = lease.roots.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }));
  await replaceFile(path, new TextEncoder().encode(JSON.stringify({ ...lease, roots })));
}

/**
 * What living leases name; dead ones are removed. Only under the exclusive lock of the store. A lease
 * that can't be read stops the caller: what it protects is unknown.
 */
export async function liveLeases(layout: Layout, clock: Clock): Promise<readonly Descriptor[]> {
  const names = await readdir(layout.leases).catch(() => []);
  const alive = new Map<string, boolean>();
  const roots: Descriptor[] = [];
  for (const name of names.filter((name) => name.endsWith(".json"))) {
    const holder = name.slice(0, name.indexOf("."));
    if (!alive.has(holder)) alive.set(holder, await isAlive(layout, holder));
    const path = join(layout.leases, name);
    const lease = await readLease(path);
    const lives = lease.expires === undefined ? alive.get(holder) : lease.expires > clock.now();
    if (lives) roots.push(...lease.roots);
    else await rm(path, { force: true });
  }
  await removeDeadLocks(layout, names, alive);
  return roots;
}

async function readLease(path: string): Promise<LeaseFile> {
  try {
    const bytes = await readRegular(path, MAX_BYTES);
    const lease = parseJson(bytes, { what: "lease", maxBytes: MAX_BYTES });
    const roots = isObject(lease) ? lease.roots : undefined;
    if (!isObject(lease) || !Array.isArray(roots)) throw new LadingError("malformed", "no roots");
    const { expires } = lease;
    return {
      roots: roots.map((root, position) => parseDescriptor(root, `lease, roots[${position}]`)),
      ...(typeof expires === "number" ? { expires } : {}),
    };
  } catch (cause) {
    throw new LadingError("store-corrupt", "a lease can't be read, so nothing was collected", {
      path,
      cause,
      hint: "remove the file if nothing runs from this store",
    });
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
