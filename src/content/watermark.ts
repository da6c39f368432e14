const GENERATION = 0;
const CONTIGUOUS = 1;
const STATE = 2;

/** `open` while bytes arrive, `complete` once they are verified and published. */
export type WatermarkState = "open" | "complete" | "failed";
const STATES: readonly WatermarkState[] = ["open", "complete", "failed"];

/**
 * How far a blob has come, in memory that threads can share: `[generation, contiguous bytes, state]`.
 * One writer, any number of followers. A follower that sees the generation change throws away what it
 * made of the bytes before.
 */
export class Watermark {
  readonly shared: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(3 * 8)) {
    this.shared = shared;
    this.#cells = new BigInt64Array(shared);
  }

  get generation(): number {
    return Number(Atomics.load(this.#cells, GENERATION));
  }

  get contiguous(): number {
    return Number(Atomics.load(this.#cells, CONTIGUOUS));
  }

  get state(): WatermarkState {
    return STATES[Number(Atomics.load(this.#cells, STATE))] ?? "failed";
  }

  advance(contiguous: number): void {
    Atomics.store(this.#cells, CONTIGUOUS, BigInt(contiguous));
    Atomics.notify(this.#cells, CONTIGUOUS);
  }

  /** Blocks the thread, a worker's, until there are other than `contiguous` bytes, or for `ms`. */
  wait(contiguous: number, ms: number): void {
    Atomics.wait(this.#cells, CONTIGUOUS, BigInt(contiguous), ms);
  }

  restart(): void {
    Atomics.store(this.#cells, CONTIGUOUS, 0n);
    Atomics.add(this.#cells, GENERATION, 1n);
    Atomics.notify(this.#cells, CONTIGUOUS);
  }

  settle(state: "complete" | "failed"): void {
    Atomics.store(this.#cells, STATE, BigInt(STATES.indexOf(state)));
    Atomics.notify(this.#cells, CONTIGUOUS);
  }
}
