import type { Clock } from "../../../clock.ts";
import { throwIfAborted, untilAborted } from "../../../errors.ts";

export interface Answered<T> {
  readonly value: T;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

export type Ask<T> = (signal: AbortSignal) => Promise<Answered<T>>;

/**
 * Answers that cost something, kept in memory for a while. Who wants the same one at the same time
 * waits for the same question, which is given up when the last of them has gone. Failures are not kept.
 */
export class Remembered<T> {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(key: string, signal: AbortSignal | undefined, ask: Ask<T>): Promise<T> {
    throwIfAborted(signal);
    const known = this.#entries.get(key);
    if (known?.answered !== undefined && known.answered.expires <= this.#clock.now()) {
      this.#entries.delete(key);
    }
    return this.#wait(key, this.#entries.get(key) ?? this.#start(key, ask), signal);
  }

  /** Answers that turned out to be wrong; a question that is under way is not. */
  forget(isWrong: (value: T) => boolean): void {
    for (const [key, { answered }] of this.#entries) {
      if (answered !== undefined && isWrong(answered.value)) this.#entries.delete(key);
    }
  }

  /** All, also what is on its way: the next who asks starts anew. */
  clear(): void {
    this.#entries.clear();
  }

  #start(key: string, ask: Ask<T>): Entry<T> {
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
    const controller = new AbortController();
    const answer = ask(controller.signal);
    const entry: Entry<T> = { answer, controller, waiting: 0, answered: undefined };
    this.#entries.set(key, entry);
    answer.then(
      (answered) => {
        entry.answered = answered;
      },
      () => this.#drop(key, entry),
    );
    return entry;
  }

  async #wait(key: string, entry: Entry<T>, signal: AbortSignal | undefined): Promise<T> {
    entry.waiting += 1;
    try {
      return (await untilAborted(entry.answer, signal)).value;
    } finally {
      entry.waiting -= 1;
      if (entry.waiting === 0 && entry.answered === undefined) {
        this.#drop(key, entry);
        entry.controller.abort();
      }
    }
  }

  #drop(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}

interface Entry<T> {
  readonly answer: Promise<Answered<T>>;
  readonly controller: AbortController;
  waiting: number;
  answered: Answered<T> | undefined;
}

const MAX_ENTRIES = 1_000;
