import { closeSync, openSync } from "node:fs";
import type { Clock } from "../clock.ts";
import { LadingError } from "../errors.ts";
import { FILE_MODE } from "./folder.ts";

/** The part of SQLite's interface that `node:sqlite` and its stand-in share, and that lading uses. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

export interface Statement {
  run(...values: SqlValue[]): unknown;
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): Row[];
}

export type SqlValue = string | number | bigint | null;
export type Row = Readonly<Record<string, unknown>>;

interface SqliteModule {
  readonly DatabaseSync: new (path: string, options: { timeout: number }) => Database;
}

/**
 * Opens a database that never blocks the thread: a lock that is held elsewhere is an error at once
 * ({@link isBusy}), and waiting is the caller's.
 */
export async function openDatabase(path: string): Promise<Database> {
  const { DatabaseSync } = await loadSqlite();
  if (path !== IN_MEMORY) makePrivate(path);
  return new DatabaseSync(path, { timeout: 0 });
}

export const IN_MEMORY = ":memory:";

/**
 * SQLite would make the file for all to read; its WAL and shared memory get the mode that it has. One
 * that is there is not opened: closing it again would drop the locks that this process has on it.
 */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", FILE_MODE));
  } catch {
    // There already, or not to be made: then SQLite says why.
  }
}

/** Node's own where it needs no flag (22.13), else the same interface from a prebuilt package. */
async function loadSqlite(): Promise<SqliteModule> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 13)) {
    return withoutExperimentalWarning(() => import("node:sqlite") as Promise<SqliteModule>);
  }
  return import("@photostructure/sqlite") as Promise<SqliteModule>;
}

/** Node warns once when its SQLite is loaded; a user of lading can do nothing about that. */
async function withoutExperimentalWarning<T>(load: () => Promise<T>): Promise<T> {
  const emit = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (!String(warning).includes("SQLite")) emit.call(process, warning, ...rest);
  };
  try {
    return await load();
  } finally {
    process.emitWarning = emit;
  }
}

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;

export function isBusy(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("errcode" in error && typeof error.errcode === "number") {
    return [SQLITE_BUSY, SQLITE_LOCKED].includes(error.errcode & 0xff);
  }
  return /database (?:table )?is locked/.test(error.message);
}

const SQLITE_FULL = 13;
const SQLITE_IOERR_SHMSIZE = 4874;

/** The disk has no room for a page more, or for the memory that processes share. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("errcode" in error && typeof error.errcode === "number") {
    return [SQLITE_FULL, SQLITE_IOERR_SHMSIZE].includes(error.errcode);
  }
  return error.message.includes("database or disk is full");
}

export interface BusyOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** Runs a short transaction again until nobody else holds the database. */
export async function whenFree<T>(options: BusyOptions, work: () => T): Promise<T> {
  const { clock, signal, timeoutMs = 30_000 } = options;
  const deadline = clock.now() + timeoutMs;
  for (let wait = 2; ; wait = Math.min(wait * 2, 100)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (clock.now() >= deadline) throw busy(error);
      await clock.sleep(wait, signal);
    }
  }
}

/** A write, whole or not at all. */
export function transaction<T>(database: Database, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function busy(cause: unknown): LadingError {
  return new LadingError("store-busy", "another process keeps the store's database locked", {
    cause,
    transient: true,
    hint: "wait for the other lading to finish, or end it",
  });
}
