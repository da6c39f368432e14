import type { Priority } from "../http/message.ts";

/** The first goes first: what a pull can't go on without, before what fills a disk. */
const ORDER: readonly Priority[] = ["token", "manifest", "config", "blob"];

/** So often one may be overtaken; then it is its turn whatever comes. */
const PATIENCE = 8;

/** Those who wait: the more urgent first, in the order in which they came, and nobody for ever. */
export class Waiting<T> {
  readonly #lines = ORDER.map((priority) => ({
    priority,
    waiting: new Set<T>(),
    /** How often the line was passed over since one of it went. */
    overtaken: 0,
  }));

  get size(): number {
    return this.#lines.reduce((sum, { waiting }) => sum + waiting.size, 0);
  }

  add(priority: Priority, waiter: T): void {
    this.#lines.find((line) => line.priority === priority)?.waiting.add(waiter);
  }

  /** Takes out one that no longer wants to wait. */
  remove(waiter: T): void {
    for (const { waiting } of this.#lines) waiting.delete(waiter);
  }

  next(): T | undefined {
    const lines = this.#lines.filter(({ waiting }) => waiting.size > 0);
    const line = lines.find(({ overtaken }) => overtaken >= PATIENCE) ?? lines[0];
    const [waiter] = line?.waiting ?? [];
    if (line === undefined || waiter === undefined) return undefined;
    line.waiting.delete(waiter);
    line.overtaken = 0;
    for (const other of lines) if (other !== line) other.overtaken += 1;
    return waiter;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const { waiting } of this.#lines) yield* waiting;
  }
}
