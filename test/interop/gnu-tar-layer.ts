import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/** Formats that GNU tar writes sparse files and long names in. */
export const gnuFormats = ["gnu", "pax 0.0", "pax 0.1", "pax 1.0"] as const;

/** A layer as GNU tar writes it: files with holes, long names, and one that is no UTF-8. */
export function gnuTarLayer(folder: string, format: (typeof gnuFormats)[number]): Uint8Array {
  const root = join(folder, "gnu-root");
  const long = "l".repeat(180);
  mkdirSync(join(root, long), { recursive: true });
  writeFileSync(join(root, long, long), "long");
  // Bytes that are no UTF-8: both formats hold them as they are.
  writeFileSync(Buffer.concat([Buffer.from(`${root}/not-utf8-`), Buffer.from([0xff, 0xfe])]), "b");
  sparseFile(join(root, "all-hole"), 3_000_000, []);
  sparseFile(join(root, "begins-with-hole"), 2_000_000, [1_500_000]);
  const many = Array.from({ length: 60 }, (_, index) => index * 100_000);
  sparseFile(join(root, "many-holes"), 7_000_000, many);
  const [kind = "gnu", version] = format.split(" ");
  const sparse = version === undefined ? ["--sparse"] : ["--sparse", `--sparse-version=${version}`];
  const archive = join(folder, "gnu.tar");
  const common = ["--numeric-owner", "--owner=5", "--group=6", "--mtime=2020-02-03 04:05:06"];
  execFileSync("tar", [...common, `--format=${kind}`, ...sparse, "-cf", archive, "-C", root, "."]);
  return readFileSync(archive);
}

function sparseFile(path: string, size: number, offsets: readonly number[]): void {
  const descriptor = openSync(path, "w");
  for (const offset of offsets) writeSync(descriptor, `at ${offset}`, offset);
  ftruncateSync(descriptor, size);
  closeSync(descriptor);
}
