import { access, constants } from "node:fs/promises";
import type { Clock } from "../clock.ts";
import type { OperationOptions } from "../content/events.ts";
import { onDisk } from "../disk/disk-error.ts";
import { acquireLock, type Lock, type LockMode } from "../disk/lock.ts";
import type { Layout } from "./layout.ts";

/** Ends a hold; safe to call more than once. */
export type EndHold = () => void;

/**
 * Who writes holds the store, together with other writers; collection, rebuild and repair have it to
 * themselves.
 */
export class Holds {
  readonly #layout: Layout;
  readonly #clock: Clock;
  #count = 0;
  #locks: Lock[] = [];

  constructor(layout: Layout, clock: Clock) {
    this.#layout = layout;
    this.#clock = clock;
  }

  /** Reads what nobody may collect meanwhile; works on a read-only file system too. */
  reading(options: OperationOptions): Promise<EndHold> {
    return this.#share(options);
  }

  /**
   * From the first write of an operation until what it wrote is named or leased. A hold inside a hold
   * costs nothing.
   */
  async share(options: OperationOptions): Promise<EndHold> {
    await this.#mustBeWritable();
    return this.#share(options);
  }

  /** Nobody writes, here or in another process, until it is released. */
  async exclusive(options: OperationOptions): Promise<Lock> {
    await this.#mustBeWritable();
    return this.#acquire("exclusive", options);
  }

  /** SQLite takes its locks on a file that it can't write, too, and they keep nobody out. */
  async #mustBeWritable(): Promise<void> {
    const { root } = this.#layout;
    await onDisk("writing to the store", root, () => access(root, constants.W_OK));
  }

  async #share(options: OperationOptions): Promise<EndHold> {
    if (this.#locks.length === 0) this.#locks.push(await this.#acquire("shared", options));
    this.#count += 1;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#count -= 1;
      if (this.#count > 0) return;
      for (const lock of this.#locks) lock.release();
      this.#locks = [];
    };
  }

  #acquire(mode: LockMode, { signal, onEvent }: OperationOptions): Promise<Lock> {
    return acquireLock(this.#layout.lock("store"), mode, {
      clock: this.#clock,
      signal,
      onWait: (pid) => {
        // Only who has it alone leaves a pid that means something.
        const holder = mode === "shared" && pid !== undefined ? { pid } : {};
        onEvent?.({ type: "waiting", why: { kind: "store-lock", ...holder } });
      },
    });
  }
}
