import type { Readable } from "node:stream";
import { abortedError, LadingError } from "../../errors.ts";

const MAX_BYTES = 64 * 1024;

/**
 * The secret on standard input, to its end, without the one newline that `echo` puts behind it. Passed so
 * it is neither in the list of processes nor in the shell's history.
 */
export async function secretOnInput(
  what: string,
  { input, signal }: { readonly input: Readable; readonly signal: AbortSignal },
): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const abort = (): void => void input.destroy(abortedError(signal));
  signal.addEventListener("abort", abort, { once: true });
  try {
    for await (const chunk of input) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > MAX_BYTES) {
        throw new LadingError("usage", `the ${what} on standard input is larger than 64 KiB`);
      }
      chunks.push(bytes);
    }
  } finally {
    signal.removeEventListener("abort", abort);
  }
  const secret = Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (secret === "") throw new LadingError("usage", `there is no ${what} on standard input`);
  return secret;
}
