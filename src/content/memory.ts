import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import type { ContentStore, Ingest, IngestOptions, OpenContent, OpenRange, Sink } from "./port.ts";
import { addSpan, contiguous, type Span } from "./spans.ts";
import { Turns } from "./turns.ts";
import { Watermark } from "./watermark.ts";

/** A content store in memory: for tests, and for content that is made rather than kept. */
export class MemoryStore implements ContentStore {
  readonly name = "memory";
  readonly #blobs = new Map<Digest, Uint8Array>();
  readonly #names = new Map<string, Descriptor>();
  readonly #parts = new Map<Digest, { bytes: Uint8Array; spans: readonly Span[] }>();
  readonly #turns = new Turns();

  async resolve(name: string): Promise<Descriptor> {
    const named = this.#names.get(name);
    if (named !== undefined) return named;
    const bytes = isDigest(name) ? this.#blobs.get(name) : undefined;
    if (bytes === undefined || !isDigest(name)) throw notFound(name);
    return { mediaType: "application/octet-stream", digest: name, size: bytes.length };
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    return this.#blobs.get(descriptor.digest)?.length === descriptor.size;
  }

  async open(descriptor: Descriptor, range: OpenRange): Promise<OpenContent> {
    const bytes = this.#blobs.get(descriptor.digest);
    if (bytes === undefined) throw notFound(descriptor.digest);
    const { offset, length = bytes.length - offset } = range;
    let cancelled = false;
    return {
      offset,
      ranged: true,
      async read(sink) {
        if (length > 0 && !cancelled) await sink(bytes.subarray(offset, offset + length));
      },
      cancel() {
        cancelled = true;
      },
    };
  }

  async ingest(descriptor: Descriptor, options: IngestOptions = {}): Promise<Ingest | undefined> {
    const { digest } = descriptor;
    const release = await this.#turns.take(digest, options.signal, () =>
      options.onEvent?.({
        type: "waiting",
        why: { kind: "same-download", digest, pid: process.pid },
      }),
    );
    if (await this.has(descriptor)) {
      release();
      return undefined;
    }
    return this.#begin(descriptor, release);
  }

  async tag(name: string, descriptor: Descriptor): Promise<void> {
    if (!(await this.has(descriptor))) throw notFound(descriptor.digest);
    this.#names.set(name, descriptor);
  }

  /** Puts content in as it is, unverified, under its digest. */
  put(digest: Digest, bytes: Uint8Array): void {
    this.#blobs.set(digest, bytes);
  }

  #begin(descriptor: Descriptor, release: () => void): Ingest {
    const { digest } = descriptor;
    const left = this.#parts.get(digest);
    this.#parts.delete(digest);
    const bytes = left?.bytes ?? new Uint8Array(descriptor.size);
    const held = left?.spans ?? [];
    let spans = held;
    const watermark = new Watermark();
    watermark.advance(contiguous(spans));
    let ended = false;
    const end = (state: "complete" | "failed"): void => {
      ended = true;
      watermark.settle(state);
      release();
    };
    return {
      watermark,
      held,
      randomAccess: true,
      writeAt(offset: number, chunk: Uint8Array) {
        bytes.set(chunk, offset);
        spans = addSpan(spans, { start: offset, end: offset + chunk.length });
        watermark.advance(contiguous(spans));
      },
      async readBack(span: Span, sink: Sink) {
        await sink(bytes.subarray(span.start, span.end));
      },
      async restart() {
        spans = [];
        watermark.restart();
      },
      commit: async () => {
        this.#blobs.set(digest, bytes);
        end("complete");
      },
      abort: async ({ keep }) => {
        if (ended) return;
        if (keep && spans.length > 0) this.#parts.set(digest, { bytes, spans });
        end("failed");
      },
    };
  }
}

function notFound(what: string): LadingError {
  return new LadingError("not-found", `memory holds no ${what}`);
}
