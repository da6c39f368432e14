import { LadingError } from "../../errors.ts";

/** A stream that breaks its format. Which codec noticed what differs, so that is only the cause. */
export function corrupt(format: string, why: string): LadingError {
  const cause = new Error(why);
  return new LadingError("malformed", `the layer's ${format} stream is corrupt`, { cause });
}

/** A stream that ends where more was announced. */
export function truncated(format: string): LadingError {
  return new LadingError("malformed", `the layer's ${format} stream ends too early`);
}
