import { LadingError } from "../../../src/errors.ts";
import type { Sink, Stage } from "../../../src/layer/decode/stage.ts";

/** Decodes in pieces of the sizes given, over and over, and gathers what comes. */
export function decoded(
  create: (sink: Sink) => Stage,
  bytes: Uint8Array,
  steps: readonly number[] = [bytes.length],
): Buffer {
  const pieces: Buffer[] = [];
  const stage = create((piece) => pieces.push(Buffer.from(piece)));
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      const step = Math.max(1, steps[turn % steps.length] ?? 1);
      stage.push(bytes.subarray(at, at + step));
      at += step;
    }
    stage.end();
  } finally {
    stage.close();
  }
  return Buffer.concat(pieces);
}

/** What it gives, or the code of the error; anything but an error of ours is thrown. */
export function outcome(
  create: (sink: Sink) => Stage,
  bytes: Uint8Array,
  steps?: readonly number[],
): Buffer | string {
  try {
    return decoded(create, bytes, steps);
  } catch (error) {
    if (error instanceof LadingError) return error.code;
    throw error;
  }
}
