import { LadingError } from "../../errors.ts";

/** A stream that breaks its format. */
export function corrupt(format: string, why: string): LadingError {
  return new LadingError("malformed", `the layer's ${format} stream is corrupt: ${why}`);
}

/** A stream that ends where more was announced. */
export function truncated(format: string): LadingError {
  return new LadingError("malformed", `the layer's ${format} stream ends too early`);
}
