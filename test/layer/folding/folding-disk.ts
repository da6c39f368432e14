import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Kernel } from "../../../src/disk/kernel/kernel.ts";
import { type OpenDirectory, openByPath } from "../../../src/disk/tree/directory.ts";
import { Tree } from "../../../src/disk/tree/tree.ts";
import { type AppliedLayer, LayerApplier } from "../../../src/layer/apply/applier.ts";
import { FoldedNames } from "../../../src/layer/apply/folded-names.ts";
import { unpackLimits } from "../../../src/layer/limits.ts";
import { mergeLayer } from "../../../src/layer/merge/merge.ts";
import { writeRecord } from "../../../src/layer/record-files.ts";
import { parseDiffId } from "../../../src/oci/digest.ts";
import { byteStringOf } from "../../../src/tar/byte-string.ts";
import { TarReader } from "../../../src/tar/reader.ts";
import { createTar, type TarFile } from "../../../src/tar/writer.ts";
import { temporaryFolder } from "../../temporary.ts";

/** A name is found in these by each of its spellings, as on macOS; one that is not there is made as it is. */
export const foldingDirectory: OpenDirectory = (path, physical) => {
  const directory = openByPath(path, physical);
  return {
    ...directory,
    at: (name) => {
      const at = directory.at(name);
      if (lstatSync(at, { throwIfNoEntry: false }) !== undefined) return at;
      const wanted = folded(Buffer.from(name, "latin1").toString());
      const known = readdirSync(directory.self).find((other) => folded(other) === wanted);
      return known === undefined ? at : directory.at(byteStringOf(known));
    },
  };
};

export function foldingTree(path: string): Tree {
  return new Tree(path, { openDirectory: foldingDirectory });
}

/** Writes layers on such a disk and lays them one over the other; the folder of the result. */
export async function unpacked(...layers: readonly (readonly TarFile[])[]): Promise<string> {
  const folder = await temporaryFolder();
  const base = join(folder, "base");
  for (const [position, files] of layers.entries()) {
    const staging = join(folder, `${position}`);
    stage(staging, files);
    const request = { type: "merge", base, staging, folding: "case" } as const;
    mergeLayer(request, undefined, () => {}, foldingTree);
  }
  return base;
}

/** One layer on such a disk, with its record. */
export function stage(staging: string, files: readonly TarFile[]): AppliedLayer {
  mkdirSync(join(staging, "rootfs"), { recursive: true });
  using tree = foldingTree(join(staging, "rootfs"));
  const layer = applied(tree, files, new FoldedNames("case"));
  const { whiteouts, opaques, implied, links, ...counted } = layer;
  const summary = { ...SUMMARY, ...counted };
  writeRecord(staging, { summary, marks: { whiteouts, opaques, implied, links } }, false);
  return layer;
}

export function applied(
  tree: Tree,
  files: readonly TarFile[],
  names: FoldedNames | undefined,
  kernel?: Kernel,
): AppliedLayer {
  const applier = new LayerApplier(tree, {
    form: { ownership: "squash", uidMap: [], gidMap: [], xattrs: "safe", opaque: "trusted" },
    limits: unpackLimits,
    kernel,
    overlayNodes: kernel !== undefined,
    folded: names,
    sync: false,
  });
  const reader = new TarReader(applier);
  reader.push(createTar(files));
  reader.end();
  return applier.end();
}

const SUMMARY = {
  diffId: parseDiffId(`sha256:${"0".repeat(64)}`),
  form: "squash",
  marks: { whiteouts: 0, opaques: 0, implied: 0, links: 0 },
  rootOpaque: false,
  synced: false,
  bootId: "",
};

function folded(name: string): string {
  return name.normalize("NFC").toLowerCase();
}
