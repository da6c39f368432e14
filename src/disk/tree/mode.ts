import { chmodSync, closeSync, constants, lchmodSync, openSync } from "node:fs";
import type { Path } from "../kernel/kernel.ts";

const O_PATH = 0o10000000;

/** Sets the mode of what is there itself: a link in its place by now is not followed (CVE-2021-32760). */
export function setMode(path: Path, mode: number): void {
  if (process.platform !== "linux") {
    lchmodSync(path, mode);
    return;
  }
  // A handle that does nothing but name it; a device must not be opened.
  const handle = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    // fchmod(2) refuses such a handle; through /proc it is this very thing.
    chmodSync(`/proc/self/fd/${handle}`, mode);
  } finally {
    closeSync(handle);
  }
}
