import { abortedError } from "../errors.ts";

/** The right to make one thing, a digest say, within this process: one at a time, first come first served. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Resolves to what gives the turn up. `onWait` is called once if somebody else has it. */
  async take(key: string, signal?: AbortSignal, onWait?: () => void): Promise<() => void> {
    const before = this.#last.get(key);
    let giveUp = (): void => {};
    const mine = new Promise<void>((resolve) => {
      giveUp = resolve;
    });
    const ended = (before ?? Promise.resolve()).then(() => mine);
    this.#last.set(key, ended);
    const release = (): void => {
      giveUp();
      if (this.#last.get(key) === ended) this.#last.delete(key);
    };
    if (before === undefined) return release;
    onWait?.();
    try {
      await orAborted(before, signal);
    } catch (error) {
      giveUp();
      throw error;
    }
    return release;
  }
}

function orAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(abortedError(signal));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
