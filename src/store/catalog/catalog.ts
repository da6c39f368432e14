import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import { acquireLock } from "../../disk/lock.ts";
import { type Database, isBusy, isFull, transaction, whenFree } from "../../disk/sqlite.ts";
import { LadingError } from "../../errors.ts";
import type { Layout } from "../layout.ts";
import { openCatalog, removeCatalog } from "./open.ts";

/**
 * The SQLite index over what the disk says, opened when first needed. Every access runs until nobody
 * else holds the database, without blocking the thread.
 */
export class Catalog {
  readonly #layout: Layout;
  readonly #clock: Clock;
  #database: Promise<Database> | undefined;

  constructor(layout: Layout, clock: Clock) {
    this.#layout = layout;
    this.#clock = clock;
  }

  async read<T>(options: OperationOptions, work: (database: Database) => T): Promise<T> {
    const database = await this.#open();
    return this.#run(options, () => work(database));
  }

  async write<T>(options: OperationOptions, work: (database: Database) => T): Promise<T> {
    const database = await this.#open();
    return this.#run(options, () => transaction(database, () => work(database)));
  }

  /** Throws the catalog away; the next access makes it anew, empty. */
  async remove(): Promise<void> {
    await this.close();
    const lock = await acquireLock(this.#layout.lock("catalog"), "exclusive", {
      clock: this.#clock,
    });
    try {
      await removeCatalog(this.#layout);
    } finally {
      lock.release();
    }
  }

  async close(): Promise<void> {
    const database = this.#database;
    this.#database = undefined;
    (await database?.catch(() => undefined))?.close();
  }

  #open(): Promise<Database> {
    this.#database ??= openCatalog(this.#layout, this.#clock).catch((error: unknown) => {
      this.#database = undefined;
      throw error instanceof LadingError ? error : damaged(error);
    });
    return this.#database;
  }

  async #run<T>(options: OperationOptions, work: () => T): Promise<T> {
    try {
      return await whenFree({ clock: this.#clock, signal: options.signal }, work);
    } catch (error) {
      throw error instanceof LadingError || isBusy(error) ? error : damaged(error);
    }
  }
}

function damaged(cause: unknown): LadingError {
  if (isFull(cause)) {
    return new LadingError("disk", "writing the catalog of the store: the disk is full", {
      cause,
      hint: "free some space (lading store gc), or choose another --root",
    });
  }
  return new LadingError("store-corrupt", "the catalog of the store can't be read or written", {
    cause,
    hint: "make it again from the disk, where nothing is lost: lading store rebuild",
  });
}
