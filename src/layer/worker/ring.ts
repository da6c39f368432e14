import { LadingError } from "../../errors.ts";
import type { Contact } from "./contact.ts";

/** As much as a decoder gives at one time, and enough of it that neither side waits for the other. */
const SLOT = 256 * 1024;
const SLOTS = 16;
const WAIT_MS = 100;

/** Cells: how many slots were filled and emptied so far, how it ended, what was read to fill them. */
const FILLED = 0;
const EMPTIED = 1;
const STATE = 2;
const OFFSET = 3;
const CELLS = 4;

const OPEN = 0;
const ENDED = 1;
const BROKEN = 2;

/** Memory for a {@link Ring}, for both threads. */
export function ringMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * 8 + SLOTS * 8 + SLOTS * SLOT);
}

/** Bytes on their way from one thread to another, in order; each side blocks for the other. */
export class Ring {
  readonly #cells: BigInt64Array;
  readonly #lengths: BigInt64Array;
  readonly #slots: readonly Buffer[];

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new BigInt64Array(memory, 0, CELLS);
    this.#lengths = new BigInt64Array(memory, CELLS * 8, SLOTS);
    const start = (CELLS + SLOTS) * 8;
    this.#slots = Array.from({ length: SLOTS }, (_, slot) =>
      Buffer.from(memory, start + slot * SLOT, SLOT),
    );
  }

  /** The compressed bytes that had been taken when the last slot was filled. */
  get offset(): number {
    return Number(Atomics.load(this.#cells, OFFSET));
  }

  push(bytes: Uint8Array, offset: number, wanted: () => void): void {
    for (let at = 0; at < bytes.length; at += SLOT) {
      const filled = this.#value(FILLED);
      for (let emptied = this.#value(EMPTIED); filled - emptied >= SLOTS; ) {
        wanted();
        if (this.#value(STATE) === BROKEN) throw broken();
        Atomics.wait(this.#cells, EMPTIED, BigInt(emptied), WAIT_MS);
        emptied = this.#value(EMPTIED);
      }
      const part = bytes.subarray(at, at + SLOT);
      this.#slots[filled % SLOTS]?.set(part);
      this.#lengths[filled % SLOTS] = BigInt(part.length);
      Atomics.store(this.#cells, OFFSET, BigInt(offset));
      this.#set(FILLED, filled + 1);
    }
  }

  /** All has been pushed. */
  end(): void {
    Atomics.store(this.#cells, STATE, BigInt(ENDED));
    Atomics.notify(this.#cells, FILLED);
  }

  /** One side gives up: the other one hears of it. */
  break(): void {
    if (this.#value(STATE) === OPEN) Atomics.store(this.#cells, STATE, BigInt(BROKEN));
    Atomics.notify(this.#cells, FILLED);
    Atomics.notify(this.#cells, EMPTIED);
  }

  /** Hands everything to the sink until the other side ends; false when it gave up. */
  pull(sink: (bytes: Uint8Array) => void, contact: Pick<Contact, "wanted" | "stalled">): boolean {
    for (let emptied = 0; ; emptied += 1) {
      for (let filled = this.#value(FILLED); filled <= emptied; filled = this.#value(FILLED)) {
        contact.wanted();
        const state = this.#value(STATE);
        if (state === BROKEN) return false;
        // What was filled before the end was told is there to be seen now.
        if (state === ENDED && this.#value(FILLED) <= emptied) return true;
        const waited = Atomics.wait(this.#cells, FILLED, BigInt(filled), WAIT_MS);
        contact.stalled(waited === "timed-out");
      }
      const slot = emptied % SLOTS;
      sink(this.#slots[slot]?.subarray(0, Number(this.#lengths[slot])) ?? NOTHING);
      this.#set(EMPTIED, emptied + 1);
    }
  }

  #value(cell: number): number {
    return Number(Atomics.load(this.#cells, cell));
  }

  #set(cell: number, value: number): void {
    Atomics.store(this.#cells, cell, BigInt(value));
    Atomics.notify(this.#cells, cell);
  }
}

const NOTHING = new Uint8Array(0);

function broken(): LadingError {
  return new LadingError("aborted", "the thread that writes the layer gave up");
}
