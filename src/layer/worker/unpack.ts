import { diskError } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import type { CreateDecoder } from "../decode/decoder.ts";
import type { LayerSummary } from "../record.ts";
import type { Contact } from "./contact.ts";
import { followBlob } from "./follow.ts";
import type { InflateRequest, UnpackRequest } from "./protocol.ts";
import { Ring } from "./ring.ts";
import { LayerWriter } from "./write-layer.ts";

export interface UnpackContext {
  readonly kernel: Kernel | undefined;
  readonly createDecoder: CreateDecoder;
  readonly contact: Contact;
}

/**
 * Inflates a blob, hashes what comes out, and writes the layer, all in one pass over the bytes. The
 * staging is good only when the record comes back; `undefined` when the download was interrupted.
 */
export function unpackLayer(
  request: UnpackRequest,
  { kernel, createDecoder, contact }: UnpackContext,
): LayerSummary | undefined {
  try {
    using writer = new LayerWriter(request, kernel);
    const tell = (offset: number): void =>
      contact.report({ offset, entries: writer.entries, written: writer.written });
    const whole =
      request.inflated === undefined
        ? inflate(request, createDecoder, contact, (bytes, offset) => {
            writer.push(bytes);
            tell(offset);
          })
        : pullFrom(new Ring(request.inflated), contact, (bytes, offset) => {
            writer.push(bytes);
            tell(offset);
          });
    return whole ? writer.end() : undefined;
  } catch (error) {
    throw diskError(error, "unpacking a layer", request.staging);
  }
}

/** The first half of that, for another thread to go on with; false when the download was interrupted. */
export function inflateLayer(
  request: InflateRequest,
  { createDecoder, contact }: Pick<UnpackContext, "createDecoder" | "contact">,
): boolean {
  const ring = new Ring(request.inflated);
  try {
    const whole = inflate(request, createDecoder, contact, (bytes, offset) =>
      ring.push(bytes, offset, contact.wanted),
    );
    if (whole) ring.end();
    return whole;
  } finally {
    ring.break();
  }
}

type OffsetSink = (bytes: Uint8Array, offset: number) => void;

function inflate(
  request: Omit<InflateRequest, "type" | "inflated">,
  createDecoder: CreateDecoder,
  contact: Contact,
  sink: OffsetSink,
): boolean {
  let offset = 0;
  const decoder = createDecoder((bytes) => sink(bytes, offset), {
    maxRatio: request.limits.maxRatio,
  });
  try {
    const whole = followBlob(request, contact, (bytes) => {
      offset += bytes.length;
      decoder.push(bytes);
    });
    if (whole) decoder.end();
    return whole;
  } finally {
    decoder.close();
  }
}

function pullFrom(ring: Ring, contact: Contact, sink: OffsetSink): boolean {
  try {
    return ring.pull((bytes) => sink(bytes, ring.offset), contact);
  } finally {
    ring.break();
  }
}
