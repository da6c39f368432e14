import { Decompress } from "fzstd";
import { corrupt } from "./fault.ts";
import type { Sink } from "./stage.ts";
import type { FrameDecoder } from "./zstd-frames.ts";

/** zstd in JavaScript: works everywhere, slowly, and leaves a frame's checksum to the diff ID. */
export function fzstdFrames(sink: Sink): FrameDecoder {
  let sinkError: { readonly error: unknown } | undefined;
  const pass: Sink = (bytes) => {
    try {
      if (bytes.length > 0) sink(bytes);
    } catch (error) {
      sinkError = { error };
      throw error;
    }
  };
  let frame: Decompress | undefined;
  return {
    write(bytes, start, end) {
      frame ??= new Decompress(pass);
      try {
        // It keeps what it was given.
        frame.push(bytes.slice(start, end));
      } catch (error) {
        if (sinkError !== undefined) throw sinkError.error;
        throw corrupt("zstd", error instanceof Error ? error.message : "unreadable");
      }
    },
    endFrame() {
      frame = undefined;
    },
    close() {
      frame = undefined;
    },
  };
}
