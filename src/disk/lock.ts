import { readFile, writeFile } from "node:fs/promises";
import type { Clock } from "../clock.ts";
import { LadingError } from "../errors.ts";
import { onDisk } from "./disk-error.ts";
import { FILE_MODE } from "./folder.ts";
import { isBusy, openDatabase } from "./sqlite.ts";

export type LockMode = "shared" | "exclusive";

export interface Lock {
  readonly mode: LockMode;
  release(): void;
}

/**
 * A lock between processes: the kernel's, taken through SQLite on a tiny file, so that it is free the
 * moment its holder dies. The file itself is never deleted: two processes could hold the lock on two
 * files of one name.
 */
export async function tryLock(path: string, mode: LockMode): Promise<Lock | undefined> {
  const database = await onDisk("opening a lock of the store", path, () => openDatabase(path));
  try {
    database.exec(NO_JOURNAL);
    database.exec(mode === "exclusive" ? "BEGIN EXCLUSIVE" : SHARED);
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw lockError(path, error);
  }
  // For messages only; nobody trusts it.
  if (mode === "exclusive") {
    await writeFile(pidPath(path), `${process.pid}\n`, { mode: FILE_MODE }).catch(() => {});
  }
  held.add(database);
  return {
    mode,
    release() {
      held.delete(database);
      database.close();
    },
  };
}

/**
 * A database that nobody can reach any more is closed by the garbage collector, and its lock is gone
 * with it; but who holds a lock holds it until it is released, or the process ends.
 */
const held = new Set<unknown>();

/** Nothing is ever written: a lock can be had on a full disk too, to free some of it. */
const NO_JOURNAL = "PRAGMA journal_mode = MEMORY";
/** A read inside a transaction holds SQLite's shared lock until the transaction ends. */
const SHARED = "BEGIN; SELECT count(*) FROM sqlite_master";

export interface LockOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called once when somebody else holds it, with the pid that they left. */
  readonly onWait?: ((pid: number | undefined) => void) | undefined;
  /** Default: for ever; an abort or the holder's end ends the wait. */
  readonly timeoutMs?: number | undefined;
}

/** Waits for a lock by asking again: no thread is ever blocked. */
export async function acquireLock(
  path: string,
  mode: LockMode,
  options: LockOptions,
): Promise<Lock> {
  const { clock, signal, onWait, timeoutMs = Number.POSITIVE_INFINITY } = options;
  const deadline = clock.now() + timeoutMs;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    const lock = await tryLock(path, mode);
    if (lock !== undefined) return lock;
    if (wait === FIRST_WAIT_MS) onWait?.(await holderOf(path));
    if (clock.now() >= deadline) throw busy(path);
    await clock.sleep(wait, signal);
  }
}

const FIRST_WAIT_MS = 10;
const LONGEST_WAIT_MS = 160;

async function holderOf(path: string): Promise<number | undefined> {
  const text = await readFile(pidPath(path), "utf8").catch(() => "");
  return /^[0-9]{1,10}\n$/.test(text) ? Number(text) : undefined;
}

function pidPath(path: string): string {
  return `${path}.pid`;
}

function busy(path: string): LadingError {
  return new LadingError("store-busy", "another process keeps the store locked", {
    path,
    hint: "wait for the other lading to finish, or end it",
  });
}

function lockError(path: string, cause: unknown): LadingError {
  return new LadingError("disk", "locking the store failed", {
    path,
    cause,
    hint: "the store needs a local file system with locks; choose another --root",
  });
}
