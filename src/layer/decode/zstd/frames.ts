import { corrupt, truncated } from "../fault.ts";
import type { Stage } from "../stage.ts";
import { frameHeaderSize, readFrameHeader } from "./header.ts";

/** Decodes zstd frames, one after another. */
export interface FrameDecoder {
  /** Never crosses the end of a frame. */
  write(bytes: Uint8Array, start: number, end: number): void;
  /** The frame's last byte was written. */
  endFrame(): void;
  close(): void;
}

/** Frames that hold no content begin with one of sixteen numbers (RFC 8878, 3.1.2). */
const SKIPPABLE = 0x184d2a50;
const FRAME = 0xfd2fb528;

const LARGEST_BLOCK = 128 * 1024;

type State =
  /** Gathering a frame's header: nothing of it is decoded before all of it was looked at. */
  | "header"
  | "skippable"
  | "block-header"
  /** Bytes that are not looked at: a block, or the checksum. */
  | "block"
  | "checksum";

/**
 * A zstd file: frames back to back, some of which are skipped (RFC 8878, 3.1). It is walked block by block, so
 * that a window too large, a dictionary or a missing end is noticed whatever the decoder would do.
 */
export function zstdFrames(decoder: FrameDecoder): Stage {
  const header = Buffer.alloc(18);
  let gathered = 0;
  let state: State = "header";
  let hasChecksum = false;
  /** Bytes of the present part that are still to come. */
  let left = 0;
  let block = 0;

  /** Takes one byte of a header, and acts on it once it is whole. */
  const gather = (byte: number): void => {
    header[gathered] = byte;
    gathered += 1;
    if (gathered < 4) return;
    const magic = header.readUInt32LE(0);
    const skippable = (magic & 0xfffffff0) === SKIPPABLE;
    if (!skippable && magic !== FRAME)
      throw corrupt("zstd", "a frame begins with none of its magics");
    if (gathered < (skippable ? 8 : frameHeaderSize(header, gathered))) return;
    if (skippable) {
      left = header.readUInt32LE(4);
      state = left > 0 ? "skippable" : "header";
    } else {
      hasChecksum = readFrameHeader(header).hasChecksum;
      decoder.write(header, 0, gathered);
      toBlock();
    }
    gathered = 0;
  };
  const toBlock = (): void => {
    state = "block-header";
    left = 3;
    block = 0;
  };
  /** The block's header is whole (3.1.1.2). */
  const enterBlock = (): void => {
    const [type, size] = [(block >>> 1) & 3, block >>> 3];
    if (type === 3) throw corrupt("zstd", "a block of a reserved type");
    if (size > LARGEST_BLOCK) throw corrupt("zstd", `a block of ${size} bytes`);
    state = "block";
    left = type === 1 ? 1 : size;
  };
  /** The present part is whole. Says whether the frame is too. */
  const leave = (): boolean => {
    if (state === "block-header") {
      enterBlock();
      return left === 0 && leave();
    }
    if (state === "block" && (block & 1) === 0) {
      toBlock();
      return false;
    }
    if (state === "block" && hasChecksum) {
      state = "checksum";
      left = 4;
      return false;
    }
    state = "header";
    return true;
  };

  /** Walks a frame's parts from `start`; returns where the frame, or the bytes, end. */
  const walk = (bytes: Uint8Array, start: number): { at: number; ended: boolean } => {
    let at = start;
    let ended = false;
    while (at < bytes.length && !ended) {
      if (state === "block-header") {
        block |= (bytes[at] ?? 0) << (8 * (3 - left));
        at += 1;
        left -= 1;
      } else {
        const step = Math.min(left, bytes.length - at);
        at += step;
        left -= step;
      }
      if (left === 0) ended = leave();
    }
    return { at, ended };
  };

  return {
    push(bytes) {
      let at = 0;
      while (at < bytes.length) {
        if (state === "header") {
          gather(bytes[at] ?? 0);
          at += 1;
        } else if (state === "skippable") {
          const step = Math.min(left, bytes.length - at);
          at += step;
          left -= step;
          if (left === 0) state = "header";
        } else {
          const walked = walk(bytes, at);
          decoder.write(bytes, at, walked.at);
          if (walked.ended) decoder.endFrame();
          at = walked.at;
        }
      }
    },
    end() {
      if (state !== "header" || gathered > 0) throw truncated("zstd");
    },
    close: () => decoder.close(),
  };
}
