import type { Descriptor } from "../../oci/descriptor.ts";
import type { Span } from "../spans.ts";
import type { Opener } from "./fetching.ts";
import type { Patience } from "./patience.ts";
import { isElsewhere, readSpan } from "./read.ts";
import { PassingVerifier } from "./verify.ts";

/**
 * A part of a blob as a web stream with back-pressure. The whole is verified: the stream ends with an
 * error when it was not what the descriptor names. A part is unverified. Cancelling the stream hangs up.
 */
export function streamSpan(
  source: Opener,
  descriptor: Descriptor,
  span: Span,
  options: Patience = {},
): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  const signal = AbortSignal.any([cancelled.signal, ...(options.signal ? [options.signal] : [])]);
  const whole = span.start === 0 && span.end === descriptor.size;
  const verifier = whole ? new PassingVerifier(descriptor) : undefined;
  let wanted = (): void => {};
  let started = false;

  async function send(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const stop = (): void => wanted();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await readSpan(source, descriptor, span, { ...options, signal }, (bytes) => {
        verifier?.update(bytes);
        controller.enqueue(bytes.slice());
        if ((controller.desiredSize ?? 0) > 0 || signal.aborted) return undefined;
        return new Promise((resolve) => {
          wanted = resolve;
        });
      });
      verifier?.end();
      controller.close();
    } catch (error) {
      // What passed can't be taken back; whoever asks again gets it from elsewhere.
      isElsewhere(source, descriptor, error, options);
      if (!cancelled.signal.aborted) controller.error(error);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        wanted();
        if (started) return;
        started = true;
        void send(controller);
      },
      cancel(reason) {
        cancelled.abort(reason);
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 256 * 1024 }),
  );
}
