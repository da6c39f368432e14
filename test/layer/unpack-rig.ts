import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { LadingEvent } from "../../src/content/events.ts";
import { createTar, type TarFile } from "../../src/tar/writer.ts";
import {
  addImage,
  addLayer,
  type Compression,
  type MadeContent,
  type MadeImage,
} from "../../src/testkit/index.ts";
import { Random } from "../../src/testkit/random.ts";

/** An image out of the files of each layer, bottom first, tagged `app:1`. */
export function tagImage(
  content: MadeContent,
  layers: readonly (readonly TarFile[])[],
  compression: Compression = "gzip",
  name = "app:1",
): MadeImage {
  const made = layers.map((files) => addLayer(content, createTar(files), compression));
  const image = addImage(content, made);
  content.tag(name, image.descriptor);
  return image;
}

/** A directory and files in it whose content no compression makes smaller. */
export function someFiles(folder: string, count: number, size: number, seed = 1): TarFile[] {
  const random = new Random(seed);
  const files: TarFile[] = [{ path: folder, type: "directory", mode: 0o755, mtimeNs: 1n }];
  for (let index = 0; index < count; index += 1) {
    files.push({
      path: `${folder}/${index}`,
      type: "file",
      mode: 0o644,
      content: random.bytes(size),
    });
  }
  return files;
}

export function countOf(events: readonly LadingEvent[], type: LadingEvent["type"]): number {
  return events.filter((event) => event.type === type).length;
}

/** What is visible of unpacked layers, and what is still being written. */
export async function layersIn(
  root: string,
): Promise<{ readonly published: readonly string[]; readonly staged: readonly string[] }> {
  const hexes = await readdir(join(root, "layers", "sha256")).catch(() => []);
  const published: string[] = [];
  for (const hex of hexes) {
    for (const form of await readdir(join(root, "layers", "sha256", hex)))
      published.push(`${hex}/${form}`);
  }
  return { published, staged: await readdir(join(root, "staging")).catch(() => []) };
}
