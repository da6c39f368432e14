import { Decompress } from "fzstd";
import { corrupt } from "../fault.ts";
import type { Sink } from "../stage.ts";
import type { FrameDecoder } from "./frames.ts";

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
  const push = (bytes: Uint8Array, last: boolean): void => {
    frame ??= new Decompress(pass);
    try {
      frame.push(bytes, last);
    } catch (error) {
      if (sinkError !== undefined) throw sinkError.error;
      throw corrupt("zstd", error instanceof Error ? error.message : "unreadable");
    }
  };
  return {
    // It keeps what it was given.
    write: (bytes, start, end) => push(new Uint8Array(bytes.subarray(start, end)), false),
    endFrame() {
      push(new Uint8Array(0), true);
      frame = undefined;
    },
    close() {
      frame = undefined;
    },
  };
}
