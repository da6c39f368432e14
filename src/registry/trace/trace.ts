import type { Clock } from "../../clock.ts";
import type { RequestStart, RequestTrace } from "../../content/request-trace.ts";
import { LadingError } from "../../errors.ts";
import type { HttpRequest, HttpResponse, Step } from "../http/message.ts";
import { printable, redactText, redactUrl } from "../http/redact.ts";

/** Hears of an exchange when it begins; what it gives back hears how it ended. */
export type RequestObserver = (start: RequestStart) => EndListener | undefined;
export type EndListener = (trace: RequestTrace) => void;

let exchanges = 0;

/** Tells of each exchange, right around the sending of it. */
export function trace(observers: readonly RequestObserver[], clock: Clock): Step {
  return (next) => async (request) => {
    exchanges += 1;
    const start = startOf(request, exchanges);
    const listeners = observers.flatMap((observer) => observer(start) ?? []);
    const { onEvent } = request.operation;
    if (onEvent !== undefined) listeners.push((ended) => onEvent({ type: "request", ...ended }));
    if (listeners.length === 0) return next(request);

    const started = clock.now();
    const tell = (how: Omit<RequestTrace, keyof RequestStart | "ms">): void => {
      const ended = { ...start, ms: clock.now() - started, ...how };
      for (const listener of listeners) listener(ended);
    };
    let response: HttpResponse;
    try {
      response = await next(request);
    } catch (error) {
      tell({ bytes: 0, ...errorOf(error) });
      throw error;
    }
    const headersMs = clock.now() - started;
    response.body.onEnd(({ bytes, error }) =>
      tell({ ...answerOf(response), headersMs, bytes, ...(error && errorOf(error)) }),
    );
    return response;
  };
}

function startOf({ method, url, headers, note }: HttpRequest, id: number): RequestStart {
  const { role = "registry", attempt = 1, queuedMs = 0, mirror, credentials } = note ?? {};
  const range = headers.range?.replace(/^bytes=/, "");
  return {
    id,
    method,
    url: redactUrl(url),
    role,
    attempt,
    queuedMs,
    ...(range === undefined ? {} : { range }),
    ...(mirror === undefined ? {} : { mirror }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

function answerOf({ status, headers, connection }: HttpResponse): Partial<RequestTrace> {
  const retryAfter = headers["retry-after"];
  return {
    status,
    ...connection,
    ...(retryAfter === undefined ? {} : { retryAfter: printable(retryAfter, 64) }),
  };
}

/** What is not of lading's making may say anything: it is not told. */
function errorOf(error: unknown): Pick<RequestTrace, "error" | "message"> {
  if (!(error instanceof LadingError)) return { error: "network" };
  return { error: error.code, message: printable(redactText(error.message)) };
}
