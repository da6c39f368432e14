import { systemClock } from "../../clock.ts";
import { abortedError, throwIfAborted } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { BlobEvent, ContentRole, LadingEvent } from "../events.ts";
import type { ContentSource, OpenContent } from "../port.ts";
import type { Span } from "../spans.ts";
import type { Patience } from "./patience.ts";
import { type VerifiedIngest, wrongPart } from "./verify.ts";

/** What a transfer needs of a source. */
export type Opener = Pick<ContentSource, "open" | "parallel" | "distrust">;

export interface TransferOptions extends Patience {
  readonly role: ContentRole;
}

/** One transfer under way: from where, what, into what. */
export interface Fetching {
  readonly source: Opener;
  readonly descriptor: Descriptor;
  readonly verified: VerifiedIngest;
  readonly progress: Progress;
  readonly options: TransferOptions;
}

/**
 * Moves what was opened to where it belongs, and gives it up however that ends. What is ranged ends
 * where the span that was asked for does: what comes after it belongs to somebody else's request.
 */
export async function pump(fetching: Fetching, content: OpenContent, asked: Span): Promise<void> {
  const { descriptor, verified, progress, options } = fetching;
  const end = content.ranged ? asked.end : descriptor.size;
  let at = content.offset;
  await readOpened(content, options.signal, (bytes) => {
    if (at + bytes.length > end && end < descriptor.size) throw wrongPart(descriptor, asked);
    const written = verified.writeAt(at, bytes);
    at += bytes.length;
    progress.arrived(bytes.length);
    return written;
  });
}

/** Reads to the end, or until the signal fires; cancels in any case. */
export async function readOpened(
  content: OpenContent,
  signal: AbortSignal | undefined,
  sink: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const stop = (): void => content.cancel();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    throwIfAborted(signal);
    await content.read(sink);
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    content.cancel();
  }
}

const EVENT_INTERVAL_MS = 50;

/** Tells of one transfer's progress, at a rate that a listener can bear; of each new start at once. */
export class Progress {
  readonly #blob: BlobEvent;
  readonly #verified: VerifiedIngest;
  readonly #emit: (event: LadingEvent) => void;
  readonly #now: () => number;
  #lastEvent = 0;
  #lastGeneration = -1;
  /** Bytes that came over the wire, those thrown away included. */
  transferred = 0;

  constructor(blob: BlobEvent, verified: VerifiedIngest, options: TransferOptions) {
    this.#blob = blob;
    this.#verified = verified;
    this.#emit = options.onEvent ?? (() => {});
    const clock = options.clock ?? systemClock;
    this.#now = () => clock.now();
  }

  started(): void {
    this.#emit({ type: "started", ...this.#blob, ...this.#position() });
  }

  arrived(bytes: number): void {
    this.transferred += bytes;
    const now = this.#now();
    const { generation } = this.#verified;
    if (now - this.#lastEvent < EVENT_INTERVAL_MS && generation === this.#lastGeneration) return;
    this.#lastEvent = now;
    this.#lastGeneration = generation;
    this.#emit({ type: "bytes", ...this.#blob, ...this.#position() });
  }

  published(): void {
    this.#emit({ type: "verified", ...this.#blob, transferred: this.transferred });
  }

  #position(): { offset: number; generation: number } {
    return { offset: this.#verified.heldBytes, generation: this.#verified.generation };
  }
}
