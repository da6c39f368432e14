import type { ArrivingBlob } from "../../content/arriving.ts";
import type { OperationOptions, UnpackEvent } from "../../content/events.ts";
import { LadingError, throwIfAborted } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { LayerSummary } from "../record.ts";
import type { WorkerPool } from "../worker/pool.ts";
import type { CloneRequest, UnpackRequest } from "../worker/protocol.ts";
import type { LayerDestination, LayerSlot, PlannedLayer } from "./destination.ts";

/** What is the same for all layers of an image. */
export type UnpackSettings = Pick<
  UnpackRequest,
  "form" | "formName" | "limits" | "overlayNodes" | "folding" | "sync" | "bootId"
>;

export interface LayerUnpack extends PlannedLayer {
  readonly blob: Descriptor;
  /** Where the blob will be once it is published. */
  readonly path: string;
  /** Set while it comes in. */
  readonly arriving: ArrivingBlob | undefined;
  /** Whether two threads may work on it. */
  readonly split: boolean;
  /** Counts the bytes that all layers of the image have written. */
  readonly written: SharedArrayBuffer;
}

/**
 * Brings one layer to its destination: read while its blob arrives, published when both the blob's
 * digest and the layer's diff ID are known to be right. Its record, also of one that was there.
 */
export async function unpackOne(
  layer: LayerUnpack,
  destination: LayerDestination,
  pool: WorkerPool,
  settings: UnpackSettings,
  options: OperationOptions,
): Promise<LayerSummary> {
  const { digest, size } = layer.blob;
  const about: UnpackEvent = { digest, diffId: layer.diffId, size };
  const slot = await destination.begin(layer, options);
  if ("there" in slot) {
    options.onEvent?.({ type: "unpacked", ...about, ...EXISTED });
    return slot.there;
  }
  const filled = fill(layer, slot, { pool, settings, about, options });
  const { record, isCopy } = await filled.catch(async (error: unknown) => {
    // Why it failed matters more than that it could not be cleared away.
    await slot.abandon().catch(() => {});
    throw error;
  });
  const { entries, bytes: written } = record;
  const outcome = isCopy ? EXISTED : { existed: false, entries, written };
  options.onEvent?.({ type: "unpacked", ...about, ...outcome });
  return record;
}

const EXISTED = { existed: true, entries: 0, written: 0 } as const;

async function fill(
  layer: LayerUnpack,
  slot: LayerSlot,
  attempt: Attempt,
): Promise<{ readonly record: LayerSummary; readonly isCopy: boolean }> {
  const { copyOf, staging } = slot;
  const { about, options, pool, settings } = attempt;
  options.onEvent?.({ type: "unpack-started", ...about });
  if (copyOf !== undefined) {
    const { from, link, record } = copyOf;
    if (await cloned({ staging, from, link, folding: settings.folding }, slot, pool, options)) {
      await slot.publish();
      return { record, isCopy: true };
    }
  }
  const record = await fromBlob(layer, slot, attempt);
  await slot.publish();
  return { record, isCopy: false };
}

/** False when it can't be: a layer may have files that their owner may not read. */
async function cloned(
  copy: Omit<CloneRequest, "type">,
  slot: LayerSlot,
  pool: WorkerPool,
  options: OperationOptions,
): Promise<boolean> {
  try {
    await pool.perform({ type: "clone", ...copy }, options);
    return true;
  } catch (error) {
    throwIfAborted(options.signal);
    // Root may read everything: what fails for him would fail again.
    if (process.geteuid?.() === 0) throw error;
    await slot.clear();
    return false;
  }
}

interface Attempt {
  readonly pool: WorkerPool;
  readonly settings: UnpackSettings;
  readonly about: UnpackEvent;
  readonly options: OperationOptions;
}

/** Again for each generation of the download, until one brings the blob. */
async function fromBlob(
  layer: LayerUnpack,
  slot: LayerSlot,
  attempt: Attempt,
): Promise<LayerSummary> {
  for (;;) {
    const record = await fromGeneration(layer, slot, attempt);
    if (record !== undefined) return record;
    await slot.clear();
  }
}

/** `undefined` when the download began again: what was made of its bytes is worth nothing. */
async function fromGeneration(
  { arriving, path, blob, diffId, split, written }: LayerUnpack,
  { staging }: LayerSlot,
  { pool, settings, about, options }: Attempt,
): Promise<LayerSummary | undefined> {
  const generation = arriving?.watermark.generation ?? 0;
  const beganAgain = (): boolean =>
    arriving !== undefined && arriving.watermark.generation !== generation;
  const request: UnpackRequest = {
    type: "unpack",
    ...settings,
    diffId,
    written,
    size: blob.size,
    staging,
    paths: arriving === undefined ? [path] : [arriving.path, path],
    arriving: arriving && { watermark: arriving.watermark.shared, generation },
  };
  const work = pool.unpack(request, {
    signal: options.signal,
    split,
    onProgress: (progress) => options.onEvent?.({ type: "unpack-progress", ...about, ...progress }),
  });
  const [result] = await Promise.allSettled([work]);
  const interrupted = result.status === "fulfilled" && result.value === undefined;
  if (interrupted && beganAgain()) return undefined;
  throwIfAborted(options.signal);
  // What can't be decoded may be the fault of the bytes: only a blob with the right digest tells.
  const published = arriving === undefined || (await arriving.published);
  if (beganAgain()) return undefined;
  if (!published || interrupted) throw arriving === undefined ? noBlob(blob) : brokenOff(blob);
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

/** A consequence: why it was given up is the download's to say. */
function brokenOff({ digest }: Descriptor): LadingError {
  return new LadingError("aborted", "the layer's download was given up", { digest });
}

function noBlob({ digest }: Descriptor): LadingError {
  return new LadingError("not-found", "the store does not have the layer's blob", {
    digest,
    hint: "pull the image again (--foreign-layers if the layer may not be distributed)",
  });
}
