import type { Attributes } from "@opentelemetry/api";
import type { RequestStart, RequestTrace } from "../../content/request-trace.ts";
import { LadingError } from "../../errors.ts";
import type { RequestObserver } from "../../registry/trace/trace.ts";

export type SpanAttributes = Readonly<Record<string, string>>;

/** Where spans go: to whatever OpenTelemetry SDK the process has registered, and nowhere without one. */
export interface Telemetry {
  /** A span of kind CLIENT for each exchange, below what is active where it begins. */
  readonly observer: RequestObserver;
  /** Runs work inside of a span, which ends with it. */
  span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
}

/**
 * Names and attributes are those of OpenTelemetry's semantic conventions for HTTP clients 1.27; lading's
 * own begin with `lading.`. Nothing is added to the requests themselves: registries are third parties.
 */
export async function openTelemetry(): Promise<Telemetry> {
  const { SpanKind, SpanStatusCode, trace } = await api();
  const tracer = trace.getTracer("lading");
  return {
    observer(start) {
      const span = tracer.startSpan(start.method, {
        kind: SpanKind.CLIENT,
        attributes: attributesOfStart(start),
      });
      return (ended) => {
        span.setAttributes(attributesOfEnd(ended));
        if (isFailure(ended)) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      };
    },
    span: (name, attributes, work) =>
      tracer.startActiveSpan(name, { attributes }, async (span) => {
        try {
          return await work();
        } catch (error) {
          const type = error instanceof LadingError ? error.code : "_OTHER";
          span.setAttribute("error.type", type);
          span.setStatus({ code: SpanStatusCode.ERROR });
          throw error;
        } finally {
          span.end();
        }
      }),
  };
}

function attributesOfStart(start: RequestStart): Attributes {
  const { hostname, port, protocol } = new URL(start.url);
  return {
    "http.request.method": start.method,
    "url.full": start.url,
    "server.address": hostname,
    "server.port": Number(port || (protocol === "https:" ? 443 : 80)),
    "lading.role": start.role,
    ...(start.attempt > 1 ? { "http.request.resend_count": start.attempt - 1 } : {}),
    ...(start.mirror === undefined ? {} : { "lading.mirror": start.mirror }),
  };
}

function attributesOfEnd(ended: RequestTrace): Attributes {
  const type = ended.error ?? (isFailure(ended) ? String(ended.status) : undefined);
  return {
    "http.response.body.size": ended.bytes,
    "lading.queued_ms": ended.queuedMs,
    ...(ended.status === undefined ? {} : { "http.response.status_code": ended.status }),
    ...(type === undefined ? {} : { "error.type": type }),
  };
}

function isFailure({ status = 0, error }: RequestTrace): boolean {
  return error !== undefined || status >= 400;
}

async function api(): Promise<typeof import("@opentelemetry/api")> {
  try {
    return await import("@opentelemetry/api");
  } catch (error) {
    throw new LadingError("usage", "openTelemetry needs the package @opentelemetry/api", {
      hint: "npm install @opentelemetry/api",
      cause: error,
    });
  }
}
