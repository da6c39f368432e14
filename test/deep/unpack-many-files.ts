import { createHash } from "node:crypto";
import { once } from "node:events";
import { createGzip } from "node:zlib";
import { parseDiffId } from "../../src/oci/digest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { createTar, type TarFile } from "../../src/tar/writer.ts";
import type { MadeContent, MadeLayer } from "../../src/testkit/index.ts";

/** Adds a layer whose tar is never in memory as a whole: headers compress well. */
export async function addGzipped(
  content: MadeContent,
  files: Iterable<TarFile>,
): Promise<MadeLayer> {
  const hash = createHash("sha256");
  const gzip = createGzip({ level: 1 });
  const parts: Buffer[] = [];
  gzip.on("data", (bytes: Buffer) => parts.push(bytes));
  const add = async (bytes: Uint8Array): Promise<void> => {
    hash.update(bytes);
    if (!gzip.write(bytes)) await once(gzip, "drain");
  };
  for (const group of groupsOf(files, 1000)) await add(createTar(group).subarray(0, -END));
  await add(Buffer.alloc(END));
  gzip.end();
  await once(gzip, "end");
  const descriptor = content.add(mediaTypes.ociLayerGzip, Buffer.concat(parts));
  return { descriptor, diffId: parseDiffId(`sha256:${hash.digest("hex")}`) };
}

/** The two blocks of zeros that end an archive. */
const END = 1024;

function* groupsOf<T>(values: Iterable<T>, size: number): Generator<readonly T[]> {
  let group: T[] = [];
  for (const value of values) {
    group.push(value);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Empty files, `perFolder` in each directory, as many entries as asked for. */
export function* manyFiles(entries: number, perFolder: number, tree = "srv"): Generator<TarFile> {
  yield { path: tree, type: "directory", mode: 0o755, mtimeNs: 1n };
  for (let made = 1, folder = 0; made < entries; folder += 1) {
    const path = `${tree}/packages-${folder}`;
    yield { path, type: "directory", mode: 0o755, mtimeNs: BigInt(folder) };
    made += 1;
    for (let index = 0; index < perFolder && made < entries; index += 1, made += 1) {
      yield {
        path: `${path}/module-${index}.js`,
        type: "file",
        mode: 0o644,
        mtimeNs: BigInt(made),
      };
    }
  }
}
