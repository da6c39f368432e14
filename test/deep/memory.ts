import { readFileSync } from "node:fs";

/** Follows the largest resident set that a process has had (`VmHWM`), in bytes, for as long as it lives. */
export function peakMemory(pid: number): () => number {
  let peak = 0;
  const look = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      peak = Math.max(peak, Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      clearInterval(look);
    }
  }, 50);
  return () => {
    clearInterval(look);
    return peak;
  };
}
