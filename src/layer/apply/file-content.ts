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
      if (!isZero(bytes, at, at + HOLE)) continue;
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
    // However small the pieces are in which a bomb comes.
    if (bytes.length === 0 || isZero(bytes)) return;
    this.#budget.write(bytes.length);
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
    }
    this.#end = position + bytes.length;
  }
}

function isZero(bytes: Uint8Array, start: number = 0, end: number = bytes.length): boolean {
  // Most pieces end here.
  if (bytes[start] !== 0) return false;
  for (let at = start; at < end; at += HOLE) {
    const stop = Math.min(at + HOLE, end);
    if (ZEROS.compare(bytes, at, stop, 0, stop - at) !== 0) return false;
  }
  return true;
}
