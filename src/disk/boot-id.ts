import { readFileSync } from "node:fs";

/** Which boot of the machine this is; `undefined` where the system does not say. */
export function bootId(): string | undefined {
  try {
    const text = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return /^[0-9a-f-]{36}$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
