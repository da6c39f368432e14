import { chmod, lstat, rm, rmdir, statfs } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import { onDisk } from "../../disk/disk-error.ts";
import { FILE_MODE } from "../../disk/folder.ts";
import { acquireLock } from "../../disk/lock.ts";
import {
  type Database,
  IN_MEMORY,
  isBusy,
  isFull,
  openDatabase,
  transaction,
  whenFree,
} from "../../disk/sqlite.ts";
import { LadingError } from "../../errors.ts";
import { type Layout, writeError } from "../layout.ts";
import { migrations } from "./schema.ts";

/**
 * Opens the catalog, made or migrated under a lock so that any number of processes may come first at
 * once. Where WAL does not work (network and read-only file systems, a full disk) it is kept in memory
 * and filled from the disk. One that SQLite can't read is thrown away: it is an index, the disk is the truth.
 */
export async function openCatalog(layout: Layout, clock: Clock): Promise<Database> {
  if (await needsMemory(layout)) return openMigrated(IN_MEMORY, clock);
  const lock = await acquireLock(layout.lock("catalog"), "exclusive", { clock });
  try {
    await makePrivate(layout);
    return await openMigrated(layout.catalog, clock);
  } catch (error) {
    if (isBusy(error) || error instanceof LadingError) throw error;
    if (isFull(error)) return await openMigrated(IN_MEMORY, clock);
    await removeCatalog(layout);
    return await openMigrated(layout.catalog, clock);
  } finally {
    lock.release();
  }
}

/** For a catalog that was made before it was made private. */
async function makePrivate(layout: Layout): Promise<void> {
  for (const suffix of ["", "-wal", "-shm"]) {
    const path = `${layout.catalog}${suffix}`;
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile() && (found.mode & 0o077) !== 0) await chmod(path, FILE_MODE).catch(() => {});
  }
}

/** A folder in its place, as container tools make for a file that is not there, goes if it is empty. */
export async function removeCatalog(layout: Layout): Promise<void> {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) {
    const path = `${layout.catalog}${suffix}`;
    const found = await lstat(path).catch(() => undefined);
    if (found?.isDirectory()) await removeEmptyFolder(path);
    else await onDisk("removing the catalog", path, () => rm(path, { force: true }));
  }
}

async function removeEmptyFolder(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (cause) {
    throw new LadingError("store-corrupt", "a folder is in the place of the store's catalog", {
      path,
      cause,
      hint: "what it holds is not lading's: move it away, and the catalog is made again from the disk",
    });
  }
}

/** Who closes it last at the same moment holds it for an instant: that is waited for. */
async function openMigrated(path: string, clock: Clock): Promise<Database> {
  const database = await openDatabase(path);
  try {
    await whenFree({ clock }, () => migrate(database));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: Database): void {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
  const version = versionOf(database);
  if (version > migrations.length) throw tooNew(version);
  for (let next = version; next < migrations.length; next += 1) {
    transaction(database, () => {
      database.exec(migrations[next] ?? "");
      database.exec(`PRAGMA user_version = ${next + 1}`);
    });
  }
}

function versionOf(database: Database): number {
  return Number(database.prepare("PRAGMA user_version").get()?.user_version ?? 0);
}

/** Magic numbers of statfs(2) for NFS, SMB, CIFS, SMB2, FUSE, 9p, AFS, Ceph and Lustre. */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997, 0x5346414f, 0x00c36400,
  0x0bd00bd0,
]);

async function needsMemory(layout: Layout): Promise<boolean> {
  if ((await writeError(layout)) !== undefined) return true;
  const disk = await statfs(layout.root).catch(() => undefined);
  return disk !== undefined && NETWORK_FILE_SYSTEMS.has(disk.type);
}

function tooNew(version: number): LadingError {
  return new LadingError("store-corrupt", `the catalog is of a newer lading (version ${version})`, {
    hint: "use that lading, or run: lading store rebuild",
  });
}
