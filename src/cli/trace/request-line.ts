import type { LadingEvent } from "../../content/events.ts";
import type { RequestTrace } from "../../content/request-trace.ts";
import { formatBytes, formatDuration, shortDigests } from "../print/format.ts";
import { originText } from "../print/origin.ts";

/** What was asked of whom, for `--verbose`. */
export function requestLine(event: LadingEvent): string | undefined {
  switch (event.type) {
    case "request":
      return exchangeLine(event);
    case "mirror": {
      const { mirror, reason, restMs } = event;
      const rest = restMs === undefined ? "" : `; left alone for ${formatDuration(restMs)}`;
      return `mirror ${mirror} passed over: ${reason}${rest}`;
    }
    case "rate-limit":
      return `${event.host}: ${event.remaining} of ${event.limit} requests left`;
    default:
      return undefined;
  }
}

/** `GET https://ghcr.io/v2/org/app/blobs/sha256:4abc5d6e7f80 206, 16.8 MB, 0.9 s, bytes 0-16777215, as …`. */
function exchangeLine(trace: RequestTrace): string {
  const { method, url, status, bytes, ms, error, message, reused } = trace;
  const details = [
    `${method} ${shortDigests(url)} ${status ?? noAnswer(trace)}`,
    error && status !== undefined && `broke off: ${message ?? error}`,
    bytes > 0 && formatBytes(bytes),
    shortDuration(ms),
    trace.range && `bytes ${trace.range}`,
    trace.queuedMs >= 1 && `after ${shortDuration(trace.queuedMs)} in the queue`,
    trace.attempt > 1 && `try ${trace.attempt}`,
    trace.retryAfter && `retry after ${trace.retryAfter}`,
    trace.role !== "registry" && ROLES[trace.role],
    trace.credentials && `as ${originText(trace.credentials)}`,
    trace.proxy && `by proxy ${trace.proxy}`,
    reused === false && "new connection",
  ];
  return details.filter((detail) => detail).join(", ");
}

function noAnswer({ message, error }: RequestTrace): string {
  const why = message ?? error;
  return why === undefined ? "no answer" : `no answer: ${why}`;
}

const ROLES = {
  registry: "",
  mirror: "mirror",
  token: "for a token",
  redirect: "redirected",
  foreign: "from the layer's own URL",
  provider: "for credentials",
} as const satisfies Record<RequestTrace["role"], string>;

/** Of requests, many take less than a tenth of a second. */
function shortDuration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : formatDuration(ms);
}
