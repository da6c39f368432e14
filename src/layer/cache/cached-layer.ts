import { join } from "node:path";
import { bootId } from "../../disk/boot-id.ts";
import { errno } from "../../disk/disk-error.ts";
import { readRegular } from "../../disk/file.ts";
import { LadingError } from "../../errors.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";
import { type LayerSummary, MAX_SUMMARY_BYTES, parseSummary } from "../record.ts";
import { SUMMARY } from "../record-files.ts";

/** An unpacked layer that the store keeps for all images that have it. */
export interface CachedLayer {
  /** With `rootfs/`, `layer.json` and `marks.json` in it. */
  readonly path: string;
  readonly rootfs: string;
  readonly record: LayerSummary;
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
  const record = await readRecord(path);
  if (record === undefined || record.diffId !== diffId || record.form !== form) return undefined;
  if (!record.synced && (record.bootId === "" || record.bootId !== bootId())) return undefined;
  return { path, rootfs: join(path, "rootfs"), record };
}

/** `undefined` when there is none that can be read as one; any other failure says nothing about it. */
async function readRecord(path: string): Promise<LayerSummary | undefined> {
  try {
    return parseSummary(await readRegular(join(path, SUMMARY), MAX_SUMMARY_BYTES));
  } catch (error) {
    const { code, cause } = error instanceof LadingError ? error : { code: "", cause: undefined };
    const missing = code === "disk" && ["ENOENT", "ENOTDIR"].includes(errno(cause) ?? "");
    if (missing || DAMAGED.has(code)) return undefined;
    throw error;
  }
}

const DAMAGED: ReadonlySet<string> = new Set(["store-corrupt", "malformed", "limit-exceeded"]);
