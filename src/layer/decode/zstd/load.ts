import { LadingError } from "../../../errors.ts";
import type { Sink } from "../stage.ts";
import { type FrameDecoder, zstdFrames } from "./frames.ts";
import { fzstdFrames } from "./fzstd-frames.ts";
import { type NativeZstd, napiFrames } from "./napi-frames.ts";
import { zlibFrames } from "./zlib-frames.ts";

export type CreateFrameDecoder = (sink: Sink) => FrameDecoder;

/** Node's own, or else a native package, or else JavaScript. */
export async function loadZstd(): Promise<CreateFrameDecoder> {
  if (passes(zlibFrames)) return zlibFrames;
  const native = await nativeFrames();
  return native !== undefined && passes(native) ? native : fzstdFrames;
}

/** An optional package, prebuilt. What is used of it is no promised part, hence the trial. */
export async function nativeFrames(): Promise<CreateFrameDecoder | undefined> {
  try {
    const module: { _NapiBindings?: { Decompressor?: NativeZstd } } = await import(
      "@cloudpss/zstd/napi"
    );
    const Native = module._NapiBindings?.Decompressor;
    return Native && ((sink) => napiFrames(Native, sink));
  } catch {
    return undefined;
  }
}

/** `zstd ` forty thousand times, and a frame with `again`. */
const FIRST = "KLUv/aRADQMAbAAAKHpzdGQgAQD4/8iLFkUAAAABAD0NyAsQ5F2SQg==";
const SECOND = "KLUv/QRYKQAAYWdhaW4sVld2";

/** Tries it on frames back to back, more than fits in one buffer, and a wrong checksum. */
export function passes(frames: CreateFrameDecoder): boolean {
  const [first, second] = [Buffer.from(FIRST, "base64"), Buffer.from(SECOND, "base64")];
  const wrong = Buffer.from(second);
  wrong.writeUInt32LE(~second.readUInt32LE(second.length - 4) >>> 0, second.length - 4);
  try {
    return (
      decoded(frames, [first, second]) === `${"zstd ".repeat(40_000)}again` &&
      decoded(frames, [wrong]) === undefined
    );
  } catch {
    return false;
  }
}

/** `undefined` where it says, as it should, that the bytes are wrong. */
function decoded(frames: CreateFrameDecoder, pieces: readonly Uint8Array[]): string | undefined {
  const output: Buffer[] = [];
  let stage: ReturnType<typeof zstdFrames> | undefined;
  try {
    stage = zstdFrames(frames((bytes) => output.push(Buffer.from(bytes))));
    for (const piece of pieces) stage.push(piece);
    stage.end();
    return Buffer.concat(output).toString();
  } catch (error) {
    if (error instanceof LadingError && error.code === "malformed") return undefined;
    throw error;
  } finally {
    stage?.close();
  }
}
