import { chmodSync, lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type ByteString, byteString } from "../../tar/byte-string.ts";
import { errno } from "../disk-error.ts";
import type { Directory, OpenDirectory } from "./directory.ts";

const DOT = "." as ByteString;

/** Removes a name, and all below it if it is a directory. Never leaves the directory it is in. */
export function removeEntry(
  parent: Directory,
  name: ByteString,
  openDirectory: OpenDirectory,
): void {
  for (const _ of removing(parent, name, openDirectory));
}

/** How long the thread may be kept before others have their turn. */
const SLICE_MS = 4;

/** The same for a thread that has other things to do. */
export async function removeEntrySlowly(
  parent: Directory,
  name: ByteString,
  openDirectory: OpenDirectory,
): Promise<void> {
  let since = performance.now();
  for (const _ of removing(parent, name, openDirectory)) {
    if (performance.now() - since < SLICE_MS) continue;
    await setImmediate();
    since = performance.now();
  }
}

/** One step for each name that is gone. What is gone already is no failure. */
function* removing(
  parent: Directory,
  name: ByteString,
  openDirectory: OpenDirectory,
): Generator<void> {
  const path = parent.at(name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory()) {
    ignoreMissing(() => unlinkSync(path));
    yield;
    return;
  }
  using directory = openDirectory(path, name);
  // Its owner may have taken the right to look into it, or to change it, from himself.
  if ((found.mode & 0o700) !== 0o700) ignoreMissing(() => chmodSync(directory.at(DOT), 0o700));
  for (const child of readdirSync(directory.at(DOT), { encoding: "buffer" })) {
    yield* removing(directory, byteString(child), openDirectory);
  }
  ignoreMissing(() => rmdirSync(path));
  yield;
}

function ignoreMissing(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (errno(error) !== "ENOENT") throw error;
  }
}
