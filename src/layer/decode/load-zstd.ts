import { fzstdFrames } from "./fzstd-frames.ts";
import type { Sink } from "./stage.ts";
import type { FrameDecoder } from "./zstd-frames.ts";

export async function loadZstd(): Promise<(sink: Sink) => FrameDecoder> {
  return fzstdFrames;
}
