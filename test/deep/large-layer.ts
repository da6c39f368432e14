import { createHash } from "node:crypto";
import type { OpenContent, OpenRange } from "../../src/content/port.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { parseDiffId, parseDigest } from "../../src/oci/digest.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { addImage, type MadeContent } from "../../src/testkit/index.ts";
import { Random } from "../../src/testkit/random.ts";

export interface EndlessLayer {
  readonly descriptor: Descriptor;
  open(range: OpenRange): OpenContent;
}

const BLOCK = 1024 * 1024;

/** A layer of any size that is never in memory: one block, each time with its number in front. */
export async function endlessLayer(size: number): Promise<EndlessLayer> {
  const pattern = Buffer.from(new Random(7).bytes(BLOCK));
  const block = (index: number): Buffer => {
    const bytes = Buffer.from(pattern);
    bytes.writeDoubleBE(index);
    return bytes;
  };
  const hash = createHash("sha256");
  for (let at = 0; at < size; at += BLOCK) {
    hash.update(block(at / BLOCK).subarray(0, Math.min(BLOCK, size - at)));
  }
  const digest = parseDigest(`sha256:${hash.digest("hex")}`);
  return {
    descriptor: { mediaType: mediaTypes.ociLayer, digest, size },
    open({ offset, length = size - offset }) {
      let cancelled = false;
      return {
        offset,
        ranged: true,
        async read(sink) {
          const end = offset + length;
          for (let at = offset; at < end && !cancelled; ) {
            const bytes = block(Math.floor(at / BLOCK))
              .subarray(at % BLOCK)
              .subarray(0, end - at);
            await sink(bytes);
            at += bytes.length;
          }
        },
        cancel() {
          cancelled = true;
        },
      };
    },
  };
}

export function withLargeLayer(content: MadeContent, { descriptor }: EndlessLayer): Descriptor {
  return addImage(content, [{ descriptor, diffId: parseDiffId(descriptor.digest) }]).descriptor;
}
