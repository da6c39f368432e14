import type { Clock } from "../clock.ts";

/** How often, and how patiently, something that failed in passing is tried again. */
export interface RetryPolicy {
  /** Tries of one operation after the first, all told. Progress (bytes that came) starts the count again. */
  readonly retries: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** In [0, 1); passed in so that tests own it. */
  readonly random: () => number;
}

export const defaultRetryPolicy: RetryPolicy = {
  retries: 5,
  baseMs: 250,
  capMs: 15_000,
  random: Math.random,
};

/**
 * Exponential backoff with full jitter: a random wait below `base * 2^(attempt - 1)`, capped.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(policy: RetryPolicy, attempt: number): number {
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
  return Math.floor(policy.random() * ceiling);
}

/** The longest that one operation waits in all because the other side told it to (`Retry-After`). */
const LONGEST_WAIT_MS = 5 * 60_000;

/**
 * What one operation may still try: shared by all who try again on its behalf, the requests as well as
 * the transfer that they serve, so that their tries add up and do not multiply.
 */
export class RetryBudget {
  readonly #policy: RetryPolicy;
  #failures = 0;
  #round = 0;
  #waiting = 0;
  #waited = 0;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Noted when a try begins, to be given to {@link failed}. */
  get round(): number {
    return this.#round;
  }

  get spent(): boolean {
    return this.#failures > this.#policy.retries;
  }

  /**
   * Counts the failure of a try. How long to wait before the next one (`asked` by the other side, or
   * backoff), or `undefined` when there is none. Tries side by side that fail together count once: those
   * that began before the failure for which another waits already.
   */
  failed(round: number, asked?: number): number | undefined {
    const together = this.#waiting > 0 && round < this.#round;
    if (!together) this.#count(asked ?? 0);
    return this.spent ? undefined : (asked ?? backoffMs(this.#policy, this.#failures));
  }

  async wait(ms: number, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
    this.#waiting += 1;
    try {
      await clock.sleep(ms, signal);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** There was progress worth the name: failures before it no longer count; waits do. */
  progressed(): void {
    this.#failures = 0;
  }

  #count(asked: number): void {
    this.#failures += 1;
    this.#round += 1;
    this.#waited += asked;
    if (this.#waited > LONGEST_WAIT_MS) this.#failures = this.#policy.retries + 1;
  }
}

/** Carried with an operation by who tries it again as a whole. */
export interface Budgeted {
  readonly budget?: RetryBudget | undefined;
}
