import { ftruncateSync, writeSync } from "node:fs";
import type { Budget } from "./budget.ts";

/** Zeros of this length become a hole; shorter ones are not worth a write more. */
const HOLE = 64 * 1024;
const ZEROS = Buffer.alloc(HOLE);

/** Writes a file's content at its place, runs of zeros as holes: a bomb costs time, and no disk. */
export class FileContent {
  readonly #budget: Budget;
  #fd = -1;
  #end = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  begin(fd: number): void {
    this.#fd = fd;
    this.#end = 0;
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length < HOLE) {
      this.#write(bytes, position);
      return;
    }
    let start = 0;
    for (let at = 0; at + HOLE <= bytes.length; at += HOLE) {
      if (bytes[at] !== 0 || ZEROS.compare(bytes, at, at + HOLE) !== 0) continue;
      this.#write(bytes.subarray(start, at), position + start);
      start = at + HOLE;
    }
    this.#write(bytes.subarray(start), position + start);
  }

  /** A hole at the end is made by the size alone. */
  finish(size: number): void {
    if (this.#end < size) ftruncateSync(this.#fd, size);
  }

  #write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    this.#budget.write(bytes.length);
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
    }
    this.#end = position + bytes.length;
  }
}
