import { MadeContent, type MadeImage, randomLayers } from "../../src/testkit/index.ts";
import { someFiles, tagImage } from "../layer/unpack-rig.ts";

export interface Bulk {
  readonly seed: number;
  readonly layers: number;
  /** Files of each layer in a folder that all of them have: the upper replace the lower. */
  readonly files: number;
  readonly fileSize: number;
}

/** Tags `app:1`: layers that meet in every way, each with so many bytes that it takes a while. */
export function bulkyImage(content: MadeContent, bulk: Bulk): MadeImage {
  const { seed, layers, files, fileSize } = bulk;
  const odd = randomLayers(new MadeContent(), { seed, layers, entries: 40 });
  const both = odd.files.map((entries, index) => [
    ...entries,
    ...someFiles("bulk", files, fileSize, seed + index),
    ...someFiles(`only-${index}`, 3, 10, seed + index),
  ]);
  return tagImage(content, both, "gzip");
}
