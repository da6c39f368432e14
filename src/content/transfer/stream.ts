import type { Descriptor } from "../../oci/descriptor.ts";
import type { Span } from "../spans.ts";
import type { Opener } from "./fetching.ts";
import type { Patience } from "./patience.ts";
import { readSpan } from "./read.ts";

/**
 * A part of a blob as a web stream with back-pressure. Unverified unless it is the whole and the
 * reader hashes it. Cancelling the stream hangs up.
 */
export function streamSpan(
  source: Opener,
  descriptor: Descriptor,
  span: Span,
  options: Patience = {},
): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  const signal = AbortSignal.any([cancelled.signal, ...(options.signal ? [options.signal] : [])]);
  let wanted: (() => void) | undefined;
  let started = false;

  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        wanted?.();
        if (started) return;
        started = true;
        readSpan(source, descriptor, span, { ...options, signal }, (bytes) => {
          controller.enqueue(bytes.slice());
          if ((controller.desiredSize ?? 0) > 0) return undefined;
          return new Promise((resolve) => {
            wanted = resolve;
            signal.addEventListener("abort", () => resolve(), { once: true });
          });
        }).then(
          () => controller.close(),
          (error: unknown) => {
            if (!cancelled.signal.aborted) controller.error(error);
          },
        );
      },
      cancel(reason) {
        cancelled.abort(reason);
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 256 * 1024 }),
  );
}
