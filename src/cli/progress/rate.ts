const WINDOW_MS = 5_000;
const ENOUGH_MS = 400;

/** Bytes a second over the last few seconds, of a count that only grows. */
export class RateMeter {
  readonly #samples: { readonly at: number; readonly bytes: number }[] = [];

  /** Notes the count, and answers the rate; `undefined` until there is enough to go by. */
  sample(now: number, bytes: number): number | undefined {
    this.#samples.push({ at: now, bytes });
    while ((this.#samples[1]?.at ?? now) <= now - WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    if (first === undefined || now - first.at < ENOUGH_MS) return undefined;
    return (1000 * (bytes - first.bytes)) / (now - first.at);
  }
}
