import { LadingError } from "../../errors.ts";

export type LayerCompression = "gzip" | "zstd" | "none";

type Format = Exclude<LayerCompression, "none"> | "xz" | "bzip2";

/** A byte, or the lowest and highest that may stand there. */
type Place = number | readonly [number, number];

const bytesOf = (hex: string): number[] => [...Buffer.from(hex, "hex")];

/** bzip2's is long, for a plain tar may well begin with a file named `BZh`. */
const MAGICS: readonly (readonly [Format, readonly Place[]])[] = [
  ["gzip", bytesOf("1f8b")],
  ["zstd", bytesOf("28b52ffd")],
  // A skippable frame may stand first (RFC 8878, 3.1.2).
  ["zstd", [[0x50, 0x5f], ...bytesOf("2a4d18")]],
  ["xz", bytesOf("fd377a585a00")],
  ["bzip2", [...Buffer.from("BZh"), [0x31, 0x39], ...bytesOf("314159265359")]],
  ["bzip2", [...Buffer.from("BZh"), [0x31, 0x39], ...bytesOf("177245385090")]],
];

export const LONGEST_MAGIC: number = Math.max(...MAGICS.map(([, places]) => places.length));

/** What begins with these bytes; `undefined` if more are needed to tell. What is nothing else is plain. */
export function compressionOf(start: Uint8Array): LayerCompression | undefined {
  let open = false;
  for (const [format, places] of MAGICS) {
    const seen = Math.min(start.length, places.length);
    if (!places.slice(0, seen).every((place, at) => fits(start[at], place))) continue;
    if (seen === places.length) return supported(format);
    open = true;
  }
  return open ? undefined : "none";
}

function fits(byte: number | undefined, place: Place): boolean {
  if (byte === undefined) return false;
  return typeof place === "number" ? byte === place : byte >= place[0] && byte <= place[1];
}

function supported(format: Format): LayerCompression {
  if (format === "gzip" || format === "zstd") return format;
  throw new LadingError("unsupported", `the layer is compressed with ${format}`, {
    hint: "ask the publisher for gzip or zstd, or recompress the image",
  });
}
