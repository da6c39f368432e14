import type { Writable } from "node:stream";
import { LadingError } from "../../errors.ts";

/**
 * Standard output: results and nothing else. Waits for a slow reader. When the reader goes away
 * (`| head`) it says so once, by `onClosed`, and swallows the rest.
 */
export class Output {
  readonly isTerminal: boolean;
  readonly #stream: Writable;
  #closed = false;
  #failure: LadingError | undefined;

  constructor(stream: Writable & { readonly isTTY?: boolean }, onClosed: () => void) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") {
        this.#closed = true;
        onClosed();
      } else {
        this.#failure = new LadingError("disk", "standard output does not take what is written", {
          hint: error.code === "ENOSPC" ? "the disk that it goes to is full" : undefined,
          cause: error,
        });
      }
    });
  }

  /** Whether whoever read it has gone. */
  get closed(): boolean {
    return this.#closed;
  }

  /** One JSON document. */
  json(document: unknown): Promise<void> {
    return this.write(`${JSON.stringify(document, undefined, 2)}\n`);
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** Resolves when the bytes have been handed to the system. */
  write(chunk: string | Uint8Array): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#stream.write(chunk, () => {
        if (this.#failure === undefined) resolve();
        else reject(this.#failure);
      });
    });
  }
}
