import { createHash } from "node:crypto";
import zlib from "node:zlib";
import type { OpenContent, OpenRange } from "../../src/content/port.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { type DiffId, parseDiffId, parseDigest } from "../../src/oci/digest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { tarHeader } from "../../src/tar/writer.ts";
import { Random } from "../../src/testkit/random.ts";

/** A blob that is made whenever a part of it is asked for. */
export interface MadeBlob {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  open(range: OpenRange): OpenContent;
}

const BLOCK = 1024 * 1024;
const NUMBER = 8;

/**
 * A layer that holds one file of any size and is never in memory: one member of gzip, each MiB of the
 * file its number and then the same bytes, compressed once (to a third) without a look at what came
 * before.
 */
export function largeFile(path: string, blocks: number): MadeBlob {
  const pattern = compressible(BLOCK - NUMBER);
  const numbered = (index: number): Buffer => {
    const number = Buffer.alloc(NUMBER);
    number.writeDoubleBE(index);
    return number;
  };
  const start = tarHeader({ path, type: "file", mode: 0o640, size: blocks * BLOCK, mtimeNs: 1n });
  const end = Buffer.alloc(1024);
  const hash = createHash("sha256");
  let crc = 0;
  const add = (bytes: Uint8Array): void => {
    hash.update(bytes);
    crc = zlib.crc32(bytes, crc);
  };
  add(start);
  for (let index = 0; index < blocks; index += 1) {
    add(numbered(index));
    add(pattern);
  }
  add(end);
  const diffId = parseDiffId(`sha256:${hash.digest("hex")}`);

  const head = Buffer.concat([GZIP_HEADER, flushed(start)]);
  const body = flushed(pattern);
  const piece = (index: number): Buffer => Buffer.concat([stored(numbered(index)), body]);
  const tail = Buffer.concat([zlib.deflateRawSync(end), Buffer.alloc(8)]);
  tail.writeUInt32LE(crc, tail.length - 8);
  tail.writeUInt32LE((start.length + blocks * BLOCK + end.length) % 2 ** 32, tail.length - 4);
  const length = piece(0).length;
  const tailAt = head.length + blocks * length;

  /** What follows an offset, as far as it is in one piece. */
  const from = (offset: number): Buffer => {
    if (offset < head.length) return head.subarray(offset);
    if (offset >= tailAt) return tail.subarray(offset - tailAt);
    const at = offset - head.length;
    return piece(Math.floor(at / length)).subarray(at % length);
  };
  const size = tailAt + tail.length;
  const whole = createHash("sha256");
  for (let at = 0; at < size; ) {
    const bytes = from(at);
    whole.update(bytes);
    at += bytes.length;
  }
  const digest = parseDigest(`sha256:${whole.digest("hex")}`);
  return {
    descriptor: { mediaType: mediaTypes.ociLayerGzip, digest, size },
    diffId,
    open: ({ offset, length = size - offset }) => pieces(from, offset, offset + length),
  };
}

function pieces(from: (offset: number) => Buffer, start: number, end: number): OpenContent {
  let cancelled = false;
  return {
    offset: start,
    ranged: true,
    async read(sink) {
      for (let at = start; at < end && !cancelled; ) {
        const bytes = from(at).subarray(0, end - at);
        await sink(bytes);
        at += bytes.length;
      }
    },
    cancel() {
      cancelled = true;
    },
  };
}

/** RFC 1952, 2.3: deflate, no name, no time. */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

/** Whole bytes of deflate that rely on nothing before them and do not end the stream. */
function flushed(bytes: Uint8Array): Buffer {
  return zlib.deflateRawSync(bytes, { level: 1, finishFlush: zlib.constants.Z_FULL_FLUSH });
}

/** The same without compression (RFC 1951, 3.2.4). */
function stored(bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(bytes.length, 1);
  header.writeUInt16LE(~bytes.length & 0xffff, 3);
  return Buffer.concat([header, bytes]);
}

/** Short random strings and their repetitions. */
function compressible(size: number): Buffer {
  const random = new Random(11);
  const pattern = Buffer.alloc(size);
  for (let at = 0; at < size; at += 96) {
    const word = Buffer.from(random.bytes(24));
    for (let copy = 0; copy < 4; copy += 1) word.copy(pattern, at + copy * word.length);
  }
  return pattern;
}
