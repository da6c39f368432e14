import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import { readRecord } from "../record-files.ts";
import type { FixupRequest } from "../worker/protocol.ts";
import { difference, type FixedDirectory } from "./difference.ts";
import { ExactTree } from "./exact-tree.ts";
import { type FixupRecord, formatFixupRecord } from "./fixup-record.ts";
import { LayerSource } from "./layer-source.ts";
import { stackedLayers } from "./lowers.ts";
import { overlayRoot } from "./overlay-view.ts";
import { FixupWriter } from "./write-fixup.ts";

/** Finds out what overlayfs would show wrongly of a chain of layers, and writes what corrects it. */
export function makeFixup(
  { layers, staging, formName, bootId }: FixupRequest,
  kernel: Kernel | undefined,
  wanted: () => void,
): void {
  const sources: LayerSource[] = [];
  try {
    for (const [position, folder] of layers.entries()) {
      const record = readRecord(folder);
      sources.push(new LayerSource(folder, position, record, kernel));
    }
    mkdirSync(staging, { mode: 0o700 });
    const fix = findFix(sources, wanted);
    const bytes = fix === undefined ? 0 : write(fix, join(staging, "rootfs"), kernel, wanted);
    const chain = sources.map(({ record }) => record.summary.diffId);
    const empty = fix === undefined;
    const record: FixupRecord = { chain, form: formName, empty, bytes, bootId };
    writeFileSync(join(staging, "fixup.json"), formatFixupRecord(record), { mode: 0o600 });
  } catch (error) {
    throw diskError(error, "making a stack of layers exact", staging);
  } finally {
    for (const source of sources) source[Symbol.dispose]();
  }
}

function findFix(sources: readonly LayerSource[], wanted: () => void): FixedDirectory | undefined {
  const exact = new ExactTree(sources, wanted);
  const stacked = stackedLayers(sources.map(({ record }) => record.summary));
  const lowers = stacked.flatMap((position) => sources[position] ?? []);
  const relinked = new Map<LayerSource, Set<number>>();
  for (const { place } of exact.shared) {
    const { nlink, ino } = place.layer.stat(place.path);
    // With one name only, it is the one that was found.
    if (nlink === 1) continue;
    const inodes = relinked.get(place.layer) ?? new Set<number>();
    relinked.set(place.layer, inodes.add(ino));
  }
  return difference(exact.root, overlayRoot(lowers), relinked);
}

/** Bytes of the files that were written. */
function write(
  fix: FixedDirectory,
  rootfs: string,
  kernel: Kernel | undefined,
  wanted: () => void,
): number {
  mkdirSync(rootfs, { mode: 0o700 });
  using target = openTree(rootfs, kernel);
  const writer = new FixupWriter({ target, kernel, wanted });
  writer.write(fix);
  return writer.bytes;
}
