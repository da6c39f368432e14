import { createHash, type Hash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import type { Tree } from "../../disk/tree/tree.ts";
import { LadingError } from "../../errors.ts";
import { digestAlgorithm, digestHex } from "../../oci/digest.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import { TarReader } from "../../tar/reader.ts";
import { LayerApplier } from "../apply/applier.ts";
import { FoldedNames } from "../apply/folded-names.ts";
import type { LayerSummary } from "../record.ts";
import { writeRecord } from "../record-files.ts";
import type { UnpackRequest } from "./protocol.ts";

/**
 * Takes a layer's tar in pieces, hashes and writes it into its staging. Whole only when {@link end}
 * has given the record.
 */
export class LayerWriter implements Disposable {
  readonly #request: UnpackRequest;
  readonly #tree: Tree;
  readonly #applier: LayerApplier;
  readonly #reader: TarReader;
  readonly #hash: Hash;

  constructor(request: UnpackRequest, kernel: Kernel | undefined) {
    const { staging, form, limits, overlayNodes, folding, sync, written, diffId } = request;
    const rootfs = join(staging, "rootfs");
    makeStaging(staging, rootfs);
    const folded = folding === "none" ? undefined : new FoldedNames(folding);
    this.#request = request;
    this.#tree = openTree(rootfs, kernel);
    this.#applier = new LayerApplier(this.#tree, {
      form,
      limits,
      kernel,
      overlayNodes,
      folded,
      sync,
      written,
    });
    this.#reader = new TarReader(this.#applier);
    this.#hash = createHash(digestAlgorithm(diffId));
  }

  get entries(): number {
    return this.#applier.entries;
  }

  get written(): number {
    return this.#applier.bytes;
  }

  push(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#reader.push(bytes);
  }

  /** Its record is written, and all but its lists given back. */
  end(): LayerSummary {
    const { staging, diffId, formName, sync, bootId } = this.#request;
    this.#reader.end();
    if (this.#hash.digest("hex") !== digestHex(diffId)) throw wrongDiffId(diffId);
    const { whiteouts, opaques, implied, links, ...counted } = this.#applier.end();
    const summary: LayerSummary = {
      diffId,
      form: formName,
      ...counted,
      marks: {
        whiteouts: whiteouts.length,
        opaques: opaques.length,
        implied: implied.length,
        links: links.length,
      },
      rootOpaque: opaques.includes("" as ByteString),
      synced: sync,
      bootId,
    };
    writeRecord(staging, { summary, marks: { whiteouts, opaques, implied, links } }, sync);
    return summary;
  }

  [Symbol.dispose](): void {
    this.#applier.close();
    this.#tree[Symbol.dispose]();
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
