import { futimesSync, lutimesSync } from "node:fs";
import type { Kernel, Path } from "../kernel/kernel.ts";

const SECOND = 1_000_000_000n;

/**
 * Sets access and modification time; of a path whose last part is a symbolic link, the link's own.
 * False when it is exact to the microsecond only.
 */
export function setTimes(file: Path | number, ns: bigint, kernel: Kernel | undefined): boolean {
  const seconds = Number(ns / SECOND);
  // Node's own call keeps whole seconds exactly, and only those.
  if (ns >= 0n && ns % SECOND === 0n) setSeconds(file, seconds);
  else if (kernel !== undefined) kernel.setTimes(file, ns);
  else {
    setSeconds(file, Number(ns) / 1e9);
    return false;
  }
  return true;
}

function setSeconds(file: Path | number, seconds: number): void {
  if (typeof file === "number") futimesSync(file, seconds, seconds);
  else lutimesSync(file, seconds, seconds);
}
