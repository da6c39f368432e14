import type { Clock } from "../../clock.ts";
import { LadingError } from "../../errors.ts";
import type { HttpRequest, HttpResponse, Step } from "../http/message.ts";
import { NotSecured } from "../http/network-error.ts";
import { retryAfterMs } from "../http/retry.ts";
import type { SettingsSource } from "../settings/types.ts";
import type { Outcome } from "./congestion.ts";
import { HostQueue, type Turn } from "./host-queue.ts";

export interface QueueOptions {
  readonly settings: SettingsSource;
  /** Most requests under way for one host that has no setting of its own. */
  readonly perHost: number;
  readonly clock: Clock;
}

/**
 * A request waits for its turn at its host, and counts until its headers are there: bodies are bounded
 * by who reads them. A host that asks for a pause (`Retry-After` with 429 or 503) gets it from everybody.
 */
export function queue({ settings, perHost, clock }: QueueOptions): Step {
  const queues = new Map<string, Promise<HostQueue>>();

  async function make({ origin }: URL): Promise<HostQueue> {
    const { concurrency, requestsPerSecond } = await settings.forOrigin(origin);
    return new HostQueue({ most: concurrency ?? perHost, requestsPerSecond, clock });
  }

  function queueOf(url: URL): Promise<HostQueue> {
    const made = queues.get(url.host) ?? make(url);
    queues.set(url.host, made);
    return made;
  }

  return (next) => async (request) => {
    const line = await queueOf(request.url);
    const turn = await takeTurn(line, request);
    const alone = line.underWay === 1;
    let outcome: Outcome = "failed";
    try {
      const note = { role: "registry", ...request.note, queuedMs: turn.queuedMs } as const;
      const response = await next({ ...request, note });
      outcome = isPush(response) ? "pushed-back" : "ok";
      const pauseMs = outcome === "ok" ? undefined : retryAfterMs(response, clock.now());
      if (pauseMs !== undefined) line.pause(pauseMs);
      return response;
    } catch (error) {
      if (!alone && isReset(error)) outcome = "pushed-back";
      throw error;
    } finally {
      turn.done(outcome);
    }
  };
}

function takeTurn(line: HostQueue, { url, priority, operation }: HttpRequest): Promise<Turn> {
  const { signal, onEvent } = operation;
  return line.take(priority ?? "blob", {
    signal,
    onHold: (kind, ms) => onEvent?.({ type: "waiting", why: { kind, host: url.host, ms } }),
  });
}

function isPush({ status, headers }: HttpResponse): boolean {
  return status === 429 || (status === 503 && headers["retry-after"] !== undefined);
}

/** Connections that a host resets or refuses while it has others of ours: it has enough of them. */
function isReset(error: unknown): boolean {
  if (!(error instanceof LadingError)) return false;
  const cause = error.cause instanceof NotSecured ? error.cause.cause : error.cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return code === "ECONNRESET" || code === "ECONNREFUSED";
}
