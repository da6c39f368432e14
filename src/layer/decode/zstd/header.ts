import { LadingError } from "../../../errors.ts";
import { corrupt } from "../fault.ts";

/** zstd's own default, and what its tools accept without `--long`. */
const LARGEST_WINDOW = 128n * 1024n * 1024n;

const DICTIONARY_SIZES = [0, 1, 2, 4];
const CONTENT_SIZES = [0, 2, 4, 8];

/** Bytes of a frame's header, its magic included (RFC 8878, 3.1.1.1); `have` of them are there. */
export function frameHeaderSize(header: Buffer, have: number): number {
  if (have < 5) return 5;
  const parts = partsOf(header);
  return parts.contentAt + parts.contentSize;
}

/** Refuses what would take too much memory, or a dictionary, which images have no place for. */
export function readFrameHeader(header: Buffer): { readonly hasChecksum: boolean } {
  const { descriptor, single, dictionaryAt, dictionarySize, contentAt, contentSize } =
    partsOf(header);
  if ((descriptor & 8) !== 0) throw corrupt("zstd", "a reserved bit of a frame is set");
  const window = single ? sizeAt(header, contentAt, contentSize) : windowOf(header[5] ?? 0);
  if (window > LARGEST_WINDOW) {
    throw new LadingError(
      "limit-exceeded",
      `the layer's zstd stream needs a window of ${window} bytes, more than the ${LARGEST_WINDOW} that are allowed`,
      {
        hint: "ask the publisher to compress the image without --long=28 or more, or recompress it",
      },
    );
  }
  const dictionary = header.subarray(dictionaryAt, dictionaryAt + dictionarySize);
  if (dictionary.some((byte) => byte !== 0)) {
    throw new LadingError("unsupported", "the layer's zstd stream needs a dictionary", {
      hint: "ask the publisher for a layer without one, or recompress the image",
    });
  }
  return { hasChecksum: (descriptor & 4) !== 0 };
}

function partsOf(header: Buffer) {
  const descriptor = header[4] ?? 0;
  const single = (descriptor & 32) !== 0;
  const dictionaryAt = single ? 5 : 6;
  const dictionarySize = DICTIONARY_SIZES[descriptor & 3] ?? 0;
  const contentSize = CONTENT_SIZES[descriptor >>> 6] || (single ? 1 : 0);
  const contentAt = dictionaryAt + dictionarySize;
  return { descriptor, single, dictionaryAt, dictionarySize, contentAt, contentSize };
}

/** 3.1.1.1.2 */
function windowOf(descriptor: number): bigint {
  const base = 1n << BigInt(10 + (descriptor >>> 3));
  return base + (base / 8n) * BigInt(descriptor & 7);
}

/** 3.1.1.1.4: with two bytes, 256 is added. */
function sizeAt(header: Buffer, at: number, length: number): bigint {
  if (length === 8) return header.readBigUInt64LE(at);
  return BigInt(header.readUIntLE(at, length) + (length === 2 ? 256 : 0));
}
