import { createHash, type Hash } from "node:crypto";
import { LadingError, throwIfAborted } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { digestAlgorithm, digestHex } from "../../oci/digest.ts";
import type { Ingest } from "../port.ts";
import { addSpan, contiguous, gaps, overlaps, type Span, spannedBytes } from "../spans.ts";

/** Checks bytes that are whole in memory against their descriptor: size first, then digest. */
export function verifyBytes(descriptor: Descriptor, bytes: Uint8Array): void {
  if (bytes.length !== descriptor.size) throw wrongSize(descriptor, bytes.length);
  const hash = createHash(digestAlgorithm(descriptor.digest)).update(bytes);
  if (hash.digest("hex") !== digestHex(descriptor.digest)) throw wrongDigest(descriptor);
}

/** Verifies a whole that passes by in order and is kept by nobody here. */
export class PassingVerifier {
  readonly #descriptor: Descriptor;
  readonly #hash: Hash;
  #size = 0;

  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
    this.#hash = createHash(digestAlgorithm(descriptor.digest));
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }

  /** Throws when what passed is not what the descriptor names. */
  end(): void {
    if (this.#size !== this.#descriptor.size) throw wrongSize(this.#descriptor, this.#size);
    if (this.#hash.digest("hex") === digestHex(this.#descriptor.digest)) return;
    throw wrongDigest(this.#descriptor, "do not use what came of it: something alters content");
  }
}

/**
 * The one wrapper that verifies what comes in. Bytes that pass in order are hashed as they pass;
 * bytes that arrive ahead, or that an earlier try left, are read back once the front reaches them. No
 * byte is hashed twice, and none is written twice: what was hashed would no longer be what is there.
 */
export class VerifiedIngest {
  readonly #ingest: Ingest;
  readonly #descriptor: Descriptor;
  readonly #signal: AbortSignal | undefined;
  #hash: Hash;
  #hashed = 0;
  #spans: readonly Span[];
  /** What is held, and what is being written. */
  #claimed: readonly Span[];
  #catchingUp: Promise<void> | undefined;

  /** Starts with what an earlier try left, hashed in a stream. */
  static async start(
    ingest: Ingest,
    descriptor: Descriptor,
    signal?: AbortSignal,
  ): Promise<VerifiedIngest> {
    const verified = new VerifiedIngest(ingest, descriptor, signal);
    await verified.#catchUp();
    return verified;
  }

  private constructor(ingest: Ingest, descriptor: Descriptor, signal: AbortSignal | undefined) {
    this.#ingest = ingest;
    this.#descriptor = descriptor;
    this.#signal = signal;
    this.#spans = ingest.held;
    this.#claimed = ingest.held;
    this.#hash = createHash(digestAlgorithm(descriptor.digest));
  }

  get generation(): number {
    return this.#ingest.watermark.generation;
  }

  get heldBytes(): number {
    return spannedBytes(this.#spans);
  }

  /** Bytes held from zero on without a gap. */
  get front(): number {
    return contiguous(this.#spans);
  }

  get missing(): readonly Span[] {
    return gaps(this.#spans, this.#descriptor.size);
  }

  get randomAccess(): boolean {
    return this.#ingest.randomAccess;
  }

  writeAt(offset: number, bytes: Uint8Array): void | Promise<void> {
    const span = { start: offset, end: offset + bytes.length };
    if (span.end > this.#descriptor.size) throw wrongSize(this.#descriptor, span.end);
    if (overlaps(this.#claimed, span)) throw twice(this.#descriptor, span);
    const written = this.#ingest.writeAt(offset, bytes);
    this.#claimed = addSpan(this.#claimed, span);
    if (written === undefined) return this.#wrote(span, bytes);
    return written.then(() => this.#wrote(span, bytes));
  }

  #wrote(span: Span, bytes: Uint8Array): void {
    this.#spans = addSpan(this.#spans, span);
    if (span.start !== this.#hashed || this.#catchingUp !== undefined) return;
    this.#hash.update(bytes);
    this.#hashed = span.end;
  }

  async restart(): Promise<void> {
    await this.#catchingUp;
    await this.#ingest.restart();
    this.#spans = [];
    this.#claimed = [];
    this.#hash = createHash(digestAlgorithm(this.#descriptor.digest));
    this.#hashed = 0;
  }

  /** Brings the hash to the contiguous front; called when a range that came ahead is reached. */
  async settle(): Promise<void> {
    if (this.#hashed < this.front) await this.#catchUp();
  }

  /** Publishes when size and digest are right; `false`, with nothing published, when they are not. */
  async commit(): Promise<boolean> {
    await this.settle();
    if (this.#hashed !== this.#descriptor.size) return false;
    if (this.#hash.digest("hex") !== digestHex(this.#descriptor.digest)) return false;
    await this.#ingest.commit();
    return true;
  }

  #catchUp(): Promise<void> {
    this.#catchingUp ??= this.#readBack().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  async #readBack(): Promise<void> {
    while (this.#hashed < this.front) {
      throwIfAborted(this.#signal);
      await this.#ingest.readBack({ start: this.#hashed, end: this.front }, (bytes) => {
        this.#hash.update(bytes);
        this.#hashed += bytes.length;
        throwIfAborted(this.#signal);
      });
    }
  }
}

export function wrongSize(descriptor: Descriptor, got: number): LadingError {
  return new LadingError(
    "verification-failed",
    got > descriptor.size
      ? `content is longer than the ${descriptor.size} bytes that its descriptor promises`
      : `content ends after ${got} of ${descriptor.size} bytes`,
    { digest: descriptor.digest, hint: TAMPERED },
  );
}

/** Content that goes beyond the part that was asked for. */
export function wrongPart(descriptor: Descriptor, { start, end }: Span): LadingError {
  return new LadingError(
    "verification-failed",
    `more came than the ${end - start} bytes from ${start} on that were asked for`,
    { digest: descriptor.digest, hint: TAMPERED },
  );
}

function twice(descriptor: Descriptor, { start, end }: Span): LadingError {
  return new LadingError(
    "verification-failed",
    `bytes ${start} to ${end} of the content came a second time`,
    { digest: descriptor.digest, hint: TAMPERED },
  );
}

export function wrongDigest(descriptor: Descriptor, hint: string = TAMPERED): LadingError {
  return new LadingError("verification-failed", "content does not have the digest that names it", {
    digest: descriptor.digest,
    hint,
  });
}

const TAMPERED = "the other side, or something between, alters content; nothing of it was kept";
