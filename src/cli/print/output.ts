import { write } from "node:fs";
import type { Writable } from "node:stream";
import { errno } from "../../disk/disk-error.ts";
import { LadingError } from "../../errors.ts";

/**
 * Standard output: results and nothing else. Waits for a slow reader. When the reader goes away
 * (`| head`) it says so once, by `onClosed`, and swallows the rest; any other failure fails what is
 * written, and all that comes after it.
 */
export class Output {
  readonly isTerminal: boolean;
  readonly #stream: Writable;
  readonly #onClosed: () => void;
  readonly #file: number | undefined;
  #closed = false;
  #failure: LadingError | undefined;

  /** `file`: where the stream leads, if it is a file, which is then written to without the stream. */
  constructor(
    stream: Writable & { readonly isTTY?: boolean },
    onClosed: () => void,
    file: number | undefined,
  ) {
    this.#stream = stream;
    this.#onClosed = onClosed;
    this.#file = file;
    this.isTerminal = stream.isTTY === true;
    stream.on("error", (error) => this.#failed(error));
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

  /** Resolves when the system has taken all of the bytes. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.#closed) return;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      if (this.#file === undefined) await toStream(this.#stream, chunk);
      else await toFile(this.#file, typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    } catch (error) {
      this.#failed(error);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #failed(cause: unknown): void {
    if (this.#closed || this.#failure !== undefined) return;
    const code = errno(cause);
    if (code === "EPIPE") {
      this.#closed = true;
      this.#onClosed();
      return;
    }
    const full = code === "ENOSPC" || code === "EDQUOT";
    this.#failure = new LadingError("disk", "standard output does not take what is written", {
      hint: full ? "the disk that it goes to is full" : "look at where it is redirected to",
      cause,
    });
  }
}

function toStream(stream: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

/** Node's stream over a file does not look at how much was written: a disk that gets full would go unnoticed. */
async function toFile(file: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += await new Promise<number>((resolve, reject) => {
      write(file, bytes, at, bytes.length - at, null, (error, written) =>
        error ? reject(error) : resolve(written),
      );
    });
  }
}
