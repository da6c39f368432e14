import { join } from "node:path";
import { bootId } from "../../disk/boot-id.ts";
import { readRegular } from "../../disk/file.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";
import { type LayerRecord, MAX_RECORD_BYTES, parseLayerRecord } from "../record.ts";

/** An unpacked layer that the store keeps for all images that have it. */
export interface CachedLayer {
  /** With `rootfs/` and `layer.json` in it. */
  readonly path: string;
  readonly rootfs: string;
  readonly record: LayerRecord;
}

/**
 * The layer in that form, if it is there and can be trusted: what was never synced may be anything
 * after a loss of power, so it counts only until the machine starts again.
 */
export async function findLayer(
  layout: Layout,
  diffId: DiffId,
  form: string,
): Promise<CachedLayer | undefined> {
  const path = layout.layer(diffId, form);
  const record = await readRecord(path).catch(() => undefined);
  if (record === undefined || record.diffId !== diffId || record.form !== form) return undefined;
  if (!record.synced && (record.bootId === "" || record.bootId !== bootId())) return undefined;
  return { path, rootfs: join(path, "rootfs"), record };
}

async function readRecord(path: string): Promise<LayerRecord> {
  return parseLayerRecord(await readRegular(join(path, "layer.json"), MAX_RECORD_BYTES));
}
