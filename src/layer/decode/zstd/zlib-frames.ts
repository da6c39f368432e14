import * as zlib from "node:zlib";
import { corrupt } from "../fault.ts";
import type { Sink } from "../stage.ts";
import { CodecError, syncCodec } from "../sync-codec.ts";
import type { FrameDecoder } from "./frames.ts";

/** Node's own zstd, which it has since 22.15 and 23.8; throws where it is missing. */
export function zlibFrames(sink: Sink): FrameDecoder {
  const codec = syncCodec(zlib.createZstdDecompress({ chunkSize: 64 }), 0, sink);
  return {
    write(bytes, start, end) {
      let at = start;
      try {
        at = codec.write(bytes, start, end);
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        throw corrupt("zstd", error.message);
      }
      if (at < end) throw corrupt("zstd", "a frame ends before its last block");
    },
    endFrame() {},
    close: () => codec.close(),
  };
}
