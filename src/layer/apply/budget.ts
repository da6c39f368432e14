import type { ReadEntry } from "../../tar/read-entry.ts";
import { overLimit, type UnpackLimits } from "../limits.ts";

/** Keeps a layer within its limits while it is written. */
export class Budget {
  readonly #limits: UnpackLimits;
  /** Bytes written so far; holes are not. */
  written = 0;
  #entries = 0;
  #fileStart = 0;

  constructor(limits: UnpackLimits) {
    this.#limits = limits;
  }

  entry({ xattrs }: ReadEntry): void {
    const { maxEntries, maxXattrBytes } = this.#limits;
    this.#entries += 1;
    this.#fileStart = this.written;
    if (this.#entries > maxEntries) {
      throw overLimit("maxEntries", maxEntries, `a layer has more than ${maxEntries} entries`);
    }
    let bytes = 0;
    for (const [name, value] of xattrs) bytes += name.length + value.length;
    if (bytes > maxXattrBytes) {
      throw overLimit(
        "maxXattrBytes",
        maxXattrBytes,
        `the attributes of an entry have ${bytes} bytes`,
      );
    }
  }

  /** Called before the bytes are written. */
  write(bytes: number): void {
    const { maxBytes, maxFileBytes } = this.#limits;
    this.written += bytes;
    if (maxFileBytes !== undefined && this.written - this.#fileStart > maxFileBytes) {
      throw overLimit("maxFileBytes", maxFileBytes, `a file has more than ${maxFileBytes} bytes`);
    }
    if (maxBytes !== undefined && this.written > maxBytes) {
      throw overLimit("maxBytes", maxBytes, `a layer has more than ${maxBytes} bytes`);
    }
  }
}
