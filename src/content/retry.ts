/** How often, and how patiently, something that failed in passing is tried again. */
export interface RetryPolicy {
  /** Tries after the first. Progress (bytes that arrived) starts the count again. */
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
