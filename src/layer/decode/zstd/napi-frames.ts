import { corrupt } from "../fault.ts";
import type { Sink } from "../stage.ts";
import type { FrameDecoder } from "./frames.ts";

/** The object below the streams of `@cloudpss/zstd`: libzstd, called at once, 128 KiB of output at a time. */
export interface NativeZstd {
  new (): {
    data(input: Buffer, output: (bytes: Buffer) => void): void;
    end(output: (bytes: Buffer) => void): void;
  };
}

/** One native decoder takes all frames: it begins the next where the last one ended. */
export function napiFrames(Native: NativeZstd, sink: Sink): FrameDecoder {
  let native: InstanceType<NativeZstd> | undefined = new Native();
  let sinkError: { readonly error: unknown } | undefined;
  const pass = (bytes: Buffer): void => {
    if (sinkError !== undefined) return;
    try {
      sink(bytes);
    } catch (error) {
      // Nothing may be thrown through native code.
      sinkError = { error };
    }
  };
  const checked = (action: () => void): void => {
    let failure: unknown;
    try {
      action();
    } catch (error) {
      failure = error;
    }
    if (sinkError !== undefined) throw sinkError.error;
    if (failure !== undefined) {
      throw corrupt("zstd", failure instanceof Error ? failure.message : "unreadable");
    }
  };
  return {
    write(bytes, start, end) {
      const input = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
      checked(() => native?.data(input, pass));
    },
    endFrame() {},
    close() {
      native = undefined;
    },
  };
}
