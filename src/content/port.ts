import type { Descriptor } from "../oci/descriptor.ts";
import type { OperationOptions } from "./events.ts";
import type { Span } from "./spans.ts";
import type { Watermark } from "./watermark.ts";

/**
 * The one port: everything that holds images is a content store. Implementations deal in raw bytes;
 * `verify.ts` is the only place that hashes, `transfer.ts` the only one that moves.
 */
export interface ContentSource {
  /** For messages: `registry docker.io/library/alpine`, `store /srv/lading`. */
  readonly name: string;
  /** What a name (a tag, a digest, a canonical reference: the implementation says) stands for now. */
  resolve(name: string, options?: OperationOptions): Promise<Descriptor>;
  has(descriptor: Descriptor, options?: OperationOptions): Promise<boolean>;
  /** Raw, unverified bytes from `range.offset` on. The result must be read or cancelled. */
  open(descriptor: Descriptor, range: OpenRange, options?: OperationOptions): Promise<OpenContent>;
  /**
   * Told that what came of `open` was not what the digest names. `true`: it came from a place that will
   * not be asked for it again, and there is another.
   */
  distrust?(descriptor: Descriptor, options?: OperationOptions): boolean;
  /** How to read a large blob side by side; a source that gains nothing from it leaves it out. */
  readonly parallel?: ParallelRanges;
  /** Where foreign layers (`urls` of the descriptor) are read from: anonymous, public https only. */
  readonly foreign?: ForeignSource;
}

export interface ForeignSource {
  open(descriptor: Descriptor, range: OpenRange, options?: OperationOptions): Promise<OpenContent>;
}

export interface ContentTarget {
  readonly name: string;
  has(descriptor: Descriptor, options?: OperationOptions): Promise<boolean>;
  /**
   * The exclusive right to bring in this content, or `undefined` when it is there already. Waits
   * (reporting it) while somebody else brings it in; when they fail, the right passes on together
   * with the part that they held.
   */
  ingest(descriptor: Descriptor, options?: IngestOptions): Promise<Ingest | undefined>;
  /** Gives content that is there a name. */
  tag(name: string, descriptor: Descriptor, options?: OperationOptions): Promise<void>;
}

export interface ContentStore extends ContentSource, ContentTarget {}

export interface OpenRange {
  readonly offset: number;
  /** Up to the end when left out. */
  readonly length?: number | undefined;
}

export interface OpenContent {
  /** The first byte that will come: the one asked for, or 0 from a source that can't seek. */
  readonly offset: number;
  /** Whether exactly the asked range comes. False: everything from `offset` to the end. */
  readonly ranged: boolean;
  /** Pumps the bytes into the sink and ends when all have come. Called once at most. */
  read(sink: Sink): Promise<void>;
  /** Gives up the bytes; safe to call at any time, and more than once. */
  cancel(): void;
}

/** Takes bytes; the buffer is the sink's only until it returns or its promise settles. */
export type Sink = (bytes: Uint8Array) => void | Promise<void>;

export interface ParallelRanges {
  /** Blobs of at least this many bytes are worth it. */
  readonly above: number;
  readonly chunk: number;
  readonly streams: number;
  /** A connection that brings the first chunk sooner is left alone: it needs no help. 0: at once. */
  readonly helpAfterMs: number;
}

export interface IngestOptions extends OperationOptions {
  /** Progress of the one we wait for, where it can be seen: contiguous bytes and generation. */
  readonly onWaitProgress?: ((offset: number, generation: number) => void) | undefined;
}

/** Content on its way in, invisible until committed. */
export interface Ingest {
  readonly watermark: Watermark;
  /** What an earlier try left: sorted, disjoint, unverified. */
  readonly held: readonly Span[];
  /** Whether bytes may be written out of order. */
  readonly randomAccess: boolean;
  /** The file in which the bytes grow, where there is one: a follower reads it up to the watermark. */
  readonly path?: string;
  writeAt(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** Reads back what was written: for a hash over bytes that did not pass in order. */
  readBack(span: Span, sink: Sink): Promise<void>;
  /** Throws away what is held and starts a new generation at zero. */
  restart(): Promise<void>;
  /** Publishes. The caller has verified size and digest; the right is given up. */
  commit(): Promise<void>;
  /** Gives up the right; `keep` leaves the part for the next one to resume. Idempotent. */
  abort(options: { readonly keep: boolean }): Promise<void>;
}
