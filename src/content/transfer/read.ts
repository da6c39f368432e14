import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { OperationOptions } from "../events.ts";
import type { Sink } from "../port.ts";
import type { Span } from "../spans.ts";
import { type Opener, readOpened } from "./fetching.ts";
import { type Patience, persist } from "./patience.ts";
import { verifyBytes, wrongSize } from "./verify.ts";

/**
 * The whole of something small, verified. `maxBytes` bounds it before anything is allocated. Content
 * that the descriptor embeds (`data`) is used without a request.
 */
export async function readVerified(
  source: Opener,
  descriptor: Descriptor,
  maxBytes: number,
  options: Patience = {},
): Promise<Uint8Array> {
  refuseLarger(descriptor, maxBytes);
  if (descriptor.data !== undefined) {
    verifyBytes(descriptor, descriptor.data);
    return descriptor.data;
  }
  for (;;) {
    try {
      return await readOnce(source, descriptor, options);
    } catch (error) {
      if (!isElsewhere(source, descriptor, error, options)) throw error;
    }
  }
}

async function readOnce(
  source: Opener,
  descriptor: Descriptor,
  options: Patience,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(descriptor.size);
  let at = 0;
  await readSpan(source, descriptor, { start: 0, end: descriptor.size }, options, (chunk) => {
    bytes.set(chunk, at);
    at += chunk.length;
  });
  verifyBytes(descriptor, bytes);
  return bytes;
}

/** Whether wrong content came from one of several places, so that another is worth asking. */
export function isElsewhere(
  source: Opener,
  descriptor: Descriptor,
  error: unknown,
  options: OperationOptions,
): boolean {
  const wrong = error instanceof LadingError && error.code === "verification-failed";
  return wrong && source.distrust?.(descriptor, options) === true;
}

export function refuseLarger(descriptor: Descriptor, maxBytes: number): void {
  if (descriptor.size <= maxBytes) return;
  throw new LadingError(
    "limit-exceeded",
    `a document of ${descriptor.size} bytes is larger than the ${maxBytes} that are allowed`,
    { digest: descriptor.digest },
  );
}

/**
 * A part of a blob in order, unverified, going on where it stopped when the source fails in passing.
 * From a source that can't seek, what lies outside the part is read and dropped.
 */
export async function readSpan(
  source: Opener,
  descriptor: Descriptor,
  span: Span,
  options: Patience,
  sink: Sink,
): Promise<void> {
  let at = span.start;
  await persist(options, descriptor.digest, {
    progress: () => at,
    done: () => at >= span.end,
    async attempt(operation) {
      const range = { offset: at, length: span.end - at };
      const content = await source.open(descriptor, range, operation);
      let position = content.offset;
      try {
        await readOpened(content, options.signal, (chunk) => {
          const from = Math.max(0, at - position);
          const to = Math.min(chunk.length, span.end - position);
          position += chunk.length;
          if (position > descriptor.size) throw wrongSize(descriptor, position);
          if (to <= from) return undefined;
          at += to - from;
          // The rest of a whole body is of no use: hang up rather than drain it.
          if (at >= span.end && position < descriptor.size) content.cancel();
          return sink(chunk.subarray(from, to));
        });
      } catch (error) {
        if (at < span.end || options.signal?.aborted) throw error;
      }
    },
  });
}
