import type { BlobEvent, LadingEvent, UnpackEvent } from "../../src/content/events.ts";
import { type Digest, parseDiffId, parseDigest } from "../../src/oci/digest.ts";

/** A digest that begins with the digit, for tests to tell apart. */
export function digest(digit: string): Digest {
  return parseDigest(`sha256:${digit.repeat(64)}`);
}

export function layer(digit: string, size = 100): BlobEvent {
  return { digest: digest(digit), size, role: "layer" };
}

export function planned(...blobs: readonly BlobEvent[]): LadingEvent {
  return { type: "planned", manifest: digest("f"), blobs };
}

export function started(blob: BlobEvent, offset = 0, generation = 0): LadingEvent {
  return { type: "started", ...blob, offset, generation };
}

export function bytes(blob: BlobEvent, offset: number, generation = 0): LadingEvent {
  return { type: "bytes", ...blob, offset, generation };
}

export function verified(blob: BlobEvent): LadingEvent {
  return { type: "verified", ...blob, transferred: blob.size };
}

export function exists(blob: BlobEvent): LadingEvent {
  return { type: "exists", ...blob };
}

export function unpackStarted(blob: BlobEvent): LadingEvent & UnpackEvent {
  return { type: "unpack-started", ...layerOf(blob) };
}

export function unpacking(blob: BlobEvent, offset: number): LadingEvent {
  return { type: "unpack-progress", ...layerOf(blob), offset, entries: 1, written: offset };
}

export function unpacked(blob: BlobEvent, existed = false): LadingEvent {
  const entries = existed ? 0 : 3;
  return { type: "unpacked", ...layerOf(blob), existed, entries, written: 10 * entries };
}

function layerOf({ digest, size }: BlobEvent): UnpackEvent {
  return { digest, size, diffId: parseDiffId(`sha256:${digest.slice(-32).padStart(64, "0")}`) };
}
