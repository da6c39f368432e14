/** How a request went, as far as the number of requests under way is concerned. */
export type Outcome =
  | "ok"
  /** The host has too much to do: 429, 503 with `Retry-After`, connections that it resets. */
  | "pushed-back"
  /** It failed for a reason of its own. */
  | "failed";

/**
 * How many requests a host takes at a time, found out as TCP does it: one more after as many successes
 * as there may be requests, half as many after being pushed back. Requests that were under way together
 * are one push: those that began before the last cut don't cut again.
 */
export class Congestion {
  readonly #most: number;
  #limit: number;
  #successes = 0;
  #round = 0;

  constructor(most: number) {
    this.#most = Math.max(1, most);
    this.#limit = this.#most;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Noted when a request begins, to be given to {@link ended}. */
  get round(): number {
    return this.#round;
  }

  ended(round: number, outcome: Outcome): void {
    if (outcome === "pushed-back" && round === this.#round) {
      this.#limit = Math.max(1, Math.floor(this.#limit / 2));
      this.#round += 1;
      this.#successes = 0;
    }
    if (outcome !== "ok" || this.#limit === this.#most) return;
    this.#successes += 1;
    if (this.#successes < this.#limit) return;
    this.#limit += 1;
    this.#successes = 0;
  }
}
