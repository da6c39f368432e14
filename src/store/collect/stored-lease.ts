import { randomBytes } from "node:crypto";
import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../clock.ts";
import { onDisk } from "../../disk/disk-error.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { Layout } from "../layout.ts";
import type { LeasePurpose, StoredLease } from "../types.ts";
import { type LeaseFile, readLease, writeLease } from "./lease-file.ts";

export interface LeaseRequest {
  readonly purpose: LeasePurpose;
  readonly roots: readonly Descriptor[];
  /** Unpacked layers that are used in place, bottom first. */
  readonly layers?: readonly DiffId[];
}

/** Keeps an image, and its unpacked layers, until somebody says that it is not needed any more. */
export async function addLease(
  layout: Layout,
  clock: Clock,
  { purpose, roots, layers }: LeaseRequest,
): Promise<StoredLease> {
  const id = randomBytes(6).toString("hex");
  const used = layers === undefined ? {} : { layers };
  const lease = { roots, purpose, created: clock.now(), ...used };
  await writeLease(leasePath(layout, id), lease);
  return storedLease(id, lease);
}

/** Leases that need no process, oldest first; those of living processes are nobody else's affair. */
export async function listLeases(layout: Layout, clock: Clock): Promise<readonly StoredLease[]> {
  const leases: StoredLease[] = [];
  for (const name of await readdir(layout.leases).catch(() => [])) {
    const id = /^(.+)\.json$/.exec(name)?.[1];
    if (id === undefined) continue;
    const lease = await readLease(leasePath(layout, id));
    const { purpose, expires = 0 } = lease;
    if (purpose === undefined && expires <= clock.now()) continue;
    leases.push(await storedLease(id, lease));
  }
  return leases.sort((a, b) => (a.created ?? 0) - (b.created ?? 0));
}

/** `undefined` when there is none of that id. */
export async function removeLease(layout: Layout, id: string): Promise<StoredLease | undefined> {
  if (!ID.test(id)) return undefined;
  const path = leasePath(layout, id);
  if ((await lstat(path).catch(() => undefined)) === undefined) return undefined;
  const lease = await readLease(path);
  // A process that lives relies on its own.
  if (lease.purpose === undefined && lease.expires === undefined) return undefined;
  await onDisk("removing a lease", path, () => rm(path, { force: true }));
  return storedLease(id, lease);
}

const ID = /^[0-9a-f]{12}$|^[0-9a-f-]{36}\.[0-9]+$/;

async function storedLease(id: string, lease: LeaseFile): Promise<StoredLease> {
  const { purpose, roots, created, expires } = lease;
  const path = purpose !== undefined && "path" in purpose ? purpose.path : undefined;
  return {
    id,
    kind: purpose?.kind ?? "timed",
    path,
    exists: path === undefined ? undefined : await isThere(path),
    digests: roots.map(({ digest }) => digest),
    created,
    expires,
  };
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function leasePath(layout: Layout, id: string): string {
  return join(layout.leases, `${id}.json`);
}
