import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import { LadingError } from "../../errors.ts";
import { digestAlgorithm, digestHex } from "../../oci/digest.ts";
import { TarReader } from "../../tar/reader.ts";
import { LayerApplier } from "../apply/applier.ts";
import { FoldedNames } from "../apply/folded-names.ts";
import type { CreateDecoder } from "../decode/decoder.ts";
import { formatLayerRecord, type LayerRecord } from "../record.ts";
import { followBlob } from "./follow.ts";
import type { UnpackProgress, UnpackRequest } from "./protocol.ts";

export interface UnpackContext {
  readonly kernel: Kernel | undefined;
  readonly createDecoder: CreateDecoder;
  /** Throws when nobody wants the result any more. */
  wanted(): void;
  report(progress: UnpackProgress): void;
}

/**
 * Inflates a blob, hashes what comes out, and writes the layer, all in one pass over the bytes. The
 * staging is good only when the record comes back; `undefined` when the download was interrupted.
 */
export function unpackLayer(
  request: UnpackRequest,
  { kernel, createDecoder, wanted, report }: UnpackContext,
): LayerRecord | undefined {
  const { staging, form, diffId, overlayNodes, sync } = request;
  const rootfs = join(staging, "rootfs");
  makeStaging(staging, rootfs);
  using tree = openTree(rootfs, kernel);
  const folded = request.folding ? new FoldedNames() : undefined;
  const applier = new LayerApplier(tree, {
    form,
    limits: request.limits,
    kernel,
    overlayNodes,
    folded,
    sync,
  });
  const reader = new TarReader(applier);
  const hash = createHash(digestAlgorithm(diffId));
  const decoder = createDecoder(
    (bytes) => {
      hash.update(bytes);
      reader.push(bytes);
    },
    { maxRatio: request.limits.maxRatio },
  );
  try {
    let offset = 0;
    const whole = followBlob(request, wanted, (bytes) => {
      decoder.push(bytes);
      offset += bytes.length;
      report({ offset, entries: applier.entries, written: applier.bytes });
    });
    if (!whole) return undefined;
    decoder.end();
    reader.end();
    if (hash.digest("hex") !== digestHex(diffId)) throw wrongDiffId(diffId);
    const applied = applier.end();
    const { bootId } = request;
    const record: LayerRecord = {
      diffId,
      form: request.formName,
      ...applied,
      synced: sync,
      bootId,
    };
    writeFileSync(join(staging, "layer.json"), formatLayerRecord(record), {
      mode: 0o600,
      flush: sync,
    });
    return record;
  } catch (error) {
    throw diskError(error, "unpacking a layer", staging);
  } finally {
    decoder.close();
    applier.close();
  }
}

function makeStaging(staging: string, rootfs: string): void {
  try {
    mkdirSync(staging, { mode: 0o700 });
    mkdirSync(rootfs, { mode: 0o700 });
  } catch (error) {
    throw diskError(error, "making room for a layer", staging);
  }
}

function wrongDiffId(diffId: string): LadingError {
  return new LadingError("verification-failed", "the layer's content does not have its diff ID", {
    digest: diffId,
    hint: "the image was published broken, or altered; nothing of the layer was kept",
  });
}
