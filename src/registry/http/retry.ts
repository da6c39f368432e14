import type { Clock } from "../../clock.ts";
import { RetryBudget, type RetryPolicy } from "../../content/retry.ts";
import { LadingError } from "../../errors.ts";
import type { HttpRequest, HttpResponse, Send, Step } from "./message.ts";
import { redactUrl } from "./redact.ts";

/** The longest pause that a registry may ask for; longer ones are shortened to it. */
const LONGEST_PAUSE_MS = 60_000;

/** Not implemented, and a version of HTTP that is not supported: asked again, the answer is the same. */
const LASTING: ReadonlySet<number> = new Set([501, 505]);

/** Whether a status may well be another one a moment later. CDNs have 5xx of their own, such as 520. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && !LASTING.has(status));
}

/**
 * Tries again what fails in passing: transient network errors, 408, 429 and 5xx. Waits as long as
 * `Retry-After` says (RFC 9110 section 10.2.3, seconds or a date), capped, else by backoff. All on the
 * budget of the operation, which the requests for tokens share. The last answer is given back as it is.
 */
export function retry(policy: RetryPolicy, clock: Clock): Step {
  return (next) => async (request) => {
    const budget = request.operation.budget ?? new RetryBudget(policy);
    const budgeted = { ...request, operation: { ...request.operation, budget } };
    for (let attempt = 1; ; attempt += 1) {
      const { round } = budget;
      const note = { role: "registry", ...request.note, attempt } as const;
      const outcome = await tried(next, { ...budgeted, note });
      const reason = reasonToRetry(outcome);
      if (reason === undefined || budget.spent) return settled(outcome);
      const asked = outcome.response && retryAfterMs(outcome.response, clock.now());
      const delayMs = budget.failed(round, asked);
      if (delayMs === undefined) return settled(outcome);
      outcome.response?.body.cancel();
      const url = outcome.response?.url ?? request.url;
      tell(request, { attempt: budget.failures, delayMs, reason, asked, url });
      await budget.wait(delayMs, clock, request.operation.signal);
    }
  };
}

interface Outcome {
  readonly response?: HttpResponse;
  readonly error?: unknown;
}

async function tried(next: Send, request: HttpRequest): Promise<Outcome> {
  try {
    return { response: await next(request) };
  } catch (error) {
    return { error };
  }
}

function settled({ response, error }: Outcome): HttpResponse {
  if (response !== undefined) return response;
  throw error;
}

function reasonToRetry({ response, error }: Outcome): string | undefined {
  if (response !== undefined) {
    return isPassing(response.status) ? `the registry answered ${response.status}` : undefined;
  }
  return error instanceof LadingError && error.transient ? error.message : undefined;
}

interface Pause {
  readonly attempt: number;
  readonly delayMs: number;
  readonly reason: string;
  readonly asked: number | undefined;
  readonly url: URL;
}

function tell({ operation }: HttpRequest, pause: Pause): void {
  const { attempt, delayMs, reason, asked, url } = pause;
  if (asked !== undefined) {
    operation.onEvent?.({
      type: "waiting",
      why: { kind: "retry-after", host: url.host, ms: delayMs },
    });
  }
  operation.onEvent?.({ type: "retry", attempt, delayMs, reason, url: redactUrl(url) });
}

/** The pause that a response asks for, capped; `undefined` when it asks for none that makes sense. */
export function retryAfterMs(
  { headers }: Pick<HttpResponse, "headers">,
  now: number,
): number | undefined {
  const value = headers["retry-after"]?.trim();
  if (value === undefined) return undefined;
  const seconds = /^[0-9]+(?:\.[0-9]+)?$/.test(value) ? Number(value) : undefined;
  const ms = seconds === undefined ? Date.parse(value) - now : seconds * 1000;
  // GHCR was seen to send "880µs"; what is no number and no date asks for nothing.
  if (Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(0, Math.ceil(ms)), LONGEST_PAUSE_MS);
}
