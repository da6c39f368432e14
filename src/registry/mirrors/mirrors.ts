import type { Clock } from "../../clock.ts";
import { RetryBudget } from "../../content/retry.ts";
import { LadingError, throwIfAborted } from "../../errors.ts";
import type { BodyEnd, HttpRequest, HttpResponse, Send, Step } from "../http/message.ts";
import { retryAfterMs } from "../http/retry.ts";
import type { Endpoint, HostSettings, SettingsSource } from "../settings/types.ts";
import type { Breaker, Subject } from "./breaker.ts";
import { rewritten } from "./rewrite.ts";
import { type Outcome, type Verdict, verdict } from "./verdict.ts";

export interface MirrorOptions {
  readonly settings: SettingsSource;
  readonly breaker: Breaker;
  readonly clock: Clock;
}

/** A mirror is there to be fast: one that is not is passed over long before a registry would be. */
const MIRROR_TIMEOUTS = { connectMs: 3_000, headersMs: 10_000, idleMs: 10_000 };

/**
 * Asks the mirrors of a registry that can do what is needed, in their order, each once and not for
 * long, and the registry itself last. What one sends need not be true: whoever reads it verifies it, and
 * says so to the breaker when it is not.
 */
export function mirrors({ settings, breaker, clock }: MirrorOptions): Step {
  return (next) => async (request) => {
    const { need, anonymous, registry, repository, subject } = request.scope;
    if (need === undefined || anonymous) return next(request);
    const host = await settings.forRegistry(registry);
    const what: Subject = { repository, name: subject };
    const passedOver: string[] = [];
    for (const mirror of host.mirrors) {
      if (!mirror.capabilities.has(need) || !breaker.allows(mirror.base, what)) continue;
      const outcome = await attempt(next, request, host, mirror, clock);
      throwIfAborted(request.operation.signal);
      const { response } = outcome;
      const found = verdict(request, outcome);
      if (found === "use" && response) return watched(response, request, mirror, breaker);
      if (found === undefined || found === "use") throw outcome.error;
      response?.body.cancel();
      passedOver.push(passOver(found, outcome, request, mirror, breaker, clock));
    }
    return askRegistry(next, request, passedOver);
  };
}

/** Its own budget: what a mirror fails at is not tried again there, and costs the operation nothing. */
async function attempt(
  next: Send,
  request: HttpRequest,
  host: HostSettings,
  mirror: Endpoint,
  clock: Clock,
): Promise<Outcome> {
  const { operation } = request;
  const timeouts = { ...MIRROR_TIMEOUTS, ...mirror.timeouts };
  const late = new AbortController();
  const signals = operation.signal === undefined ? [] : [operation.signal];
  const budget = new RetryBudget({ retries: 0, baseMs: 0, capMs: 0, random: () => 0 });
  const asked = rewritten(request, host, mirror);
  // Waiting for a turn, tokens and redirects are part of it.
  const cancel = clock.after(timeouts.connectMs + timeouts.headersMs, () => late.abort());
  try {
    const response = await next({
      ...asked,
      scope: { ...asked.scope, timeouts },
      operation: { ...operation, budget, signal: AbortSignal.any([...signals, late.signal]) },
    });
    return { response };
  } catch (error) {
    return { error: late.signal.aborted ? tooLate(mirror) : error };
  } finally {
    cancel();
  }
}

function passOver(
  found: Exclude<Verdict, "use">,
  { response }: Outcome,
  request: HttpRequest,
  { base }: Endpoint,
  breaker: Breaker,
  clock: Clock,
): string {
  const { registry, repository, subject } = request.scope;
  const what: Subject = { repository, name: subject };
  let restMs: number | undefined;
  if (found.rest === "endpoint") {
    restMs = breaker.failed(base, response && retryAfterMs(response, clock.now()));
  } else {
    breaker.worked(base);
    if (found.rest === "repository") breaker.refused(base, repository);
    if (found.rest === "subject") breaker.lacks(base, what);
    if (found.rest === "distrust") breaker.distrusted(base, what);
  }
  tell(request, registry, base, found.passOver, restMs);
  return `${base.host} (${found.passOver})`;
}

/** A mirror that answered has worked once its body is there; one that breaks off has failed. */
function watched(
  response: HttpResponse,
  request: HttpRequest,
  { base }: Endpoint,
  breaker: Breaker,
): HttpResponse {
  const { registry, repository, subject } = request.scope;
  const expected = expectedBytes(request, response);
  response.body.onEnd(({ bytes, error, cancelled }: BodyEnd) => {
    if (error === undefined) {
      breaker.worked(base);
      if (cancelled || expected === undefined || bytes === expected) return;
      // Nothing broke, and it is not all: asked again, it would send the same.
      breaker.distrusted(base, { repository, name: subject });
      tell(request, registry, base, `it sent ${bytes} bytes of what should be ${expected}`);
    } else if (error.code === "network") {
      tell(request, registry, base, error.message, breaker.failed(base));
    }
  });
  return { ...response, mirror: base };
}

/** How many bytes a body must have; `undefined` where nothing says so. */
function expectedBytes(request: HttpRequest, { status }: HttpResponse): number | undefined {
  const { size } = request.scope;
  if (request.method !== "GET" || size === undefined) return undefined;
  if (status !== 206) return status === 200 ? size : undefined;
  const [, first, last] = /^bytes=([0-9]+)-([0-9]*)$/.exec(request.headers.range ?? "") ?? [];
  if (first === undefined) return undefined;
  return Math.min(last ? Number(last) + 1 : size, size) - Number(first);
}

async function askRegistry(
  next: Send,
  request: HttpRequest,
  passedOver: readonly string[],
): Promise<HttpResponse> {
  if (passedOver.length === 0) return next(request);
  try {
    return { ...(await next(request)), passedOver };
  } catch (error) {
    throw error instanceof LadingError ? withMirrors(error, passedOver) : error;
  }
}

/** The error of a registry whose mirrors were no help either. */
export function withMirrors(error: LadingError, passedOver: readonly string[]): LadingError {
  if (passedOver.length === 0) return error;
  const mirrors = `before it, mirrors were asked: ${passedOver.join(", ")}`;
  const { code, message, context, cause, transient } = error;
  const hint = error.hint === undefined ? mirrors : `${error.hint}; ${mirrors}`;
  return new LadingError(code, message, { ...context, cause, transient, hint });
}

function tell(
  { operation }: HttpRequest,
  registry: string,
  { origin }: URL,
  reason: string,
  restMs?: number,
): void {
  operation.onEvent?.({
    type: "mirror",
    registry,
    mirror: origin,
    reason,
    ...(restMs === undefined ? {} : { restMs }),
  });
}

function tooLate({ base }: Endpoint): LadingError {
  return new LadingError("network", `${base.host}: no answer in time`, { transient: true });
}
