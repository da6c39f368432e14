import { type Clock, systemClock } from "../../clock.ts";
import { LadingError, throwIfAborted } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import type { OperationOptions } from "../events.ts";
import { type Budgeted, defaultRetryPolicy, RetryBudget, type RetryPolicy } from "../retry.ts";

/** How patient an operation is, and with which clock it waits. */
export interface Patience extends OperationOptions, Budgeted {
  readonly retry?: RetryPolicy | undefined;
  readonly clock?: Clock | undefined;
}

export interface Attempts {
  /** Bytes that are held by now; only growth beyond what was ever reached counts as progress. */
  progress(): number;
  done(): boolean;
  /** What it asks of a source goes on the budget that comes with `patience`. */
  attempt(patience: Patience): Promise<void>;
}

/** Less than this is no progress: a peer that sends a byte and hangs up must not keep us for ever. */
const WORTH_CONTINUING = 1024 * 1024;

/**
 * Tries until done, waiting a little longer after each failure in passing. Real progress starts the
 * count again; an attempt that ends early without an error counts as a truncated body.
 */
export async function persist(
  patience: Patience,
  digest: Digest,
  attempts: Attempts,
): Promise<void> {
  const { retry = defaultRetryPolicy, clock = systemClock, signal, onEvent } = patience;
  const budget = patience.budget ?? new RetryBudget(retry);
  let best = attempts.progress();
  while (!attempts.done()) {
    throwIfAborted(signal);
    try {
      await attempts.attempt({ ...patience, budget });
      if (!attempts.done()) throw truncated(digest);
    } catch (error) {
      if (!(error instanceof LadingError) || !error.transient) throw error;
      if (attempts.progress() >= best + WORTH_CONTINUING) budget.progressed();
      best = Math.max(best, attempts.progress());
      const delayMs = budget.spent ? undefined : budget.failed(budget.round);
      if (delayMs === undefined) throw error.with({ digest });
      const attempt = budget.failures;
      onEvent?.({ type: "retry", attempt, delayMs, reason: error.message, digest });
      await budget.wait(delayMs, clock, signal);
    }
  }
}

function truncated(digest: Digest): LadingError {
  return new LadingError("network", "the content ended before all of it had come", {
    digest,
    transient: true,
    hint: "the connection or a proxy cuts transfers short; lading resumes when you try again",
  });
}
