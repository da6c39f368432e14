import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const mounted: string[] = [];

/** A new file system in a folder of that name, of a size as mount(8) takes it; gone after the test. */
export async function temporaryDisk(name: string, size: string): Promise<string> {
  const folder = join(await temporaryFolder(), name);
  mkdirSync(folder);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder]);
  mounted.push(folder);
  return folder;
}

export function resizeDisk(folder: string, size: string): void {
  execFileSync("mount", ["-o", `remount,size=${size}`, folder]);
}

// Registered after the one that removes temporary folders, and so called before it.
afterEach(() => {
  for (const folder of mounted.splice(0)) execFileSync("umount", ["--lazy", folder]);
});

/** Leaves no room on its disk. */
export function fillDisk(file: string): void {
  const fd = openSync(file, "w");
  const zeros = Buffer.alloc(2 ** 20);
  try {
    for (let length = zeros.length; length > 0; ) {
      try {
        writeSync(fd, zeros, 0, length);
      } catch {
        length = Math.floor(length / 2);
      }
    }
  } finally {
    closeSync(fd);
  }
}
