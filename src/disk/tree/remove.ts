import { randomBytes } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { setImmediate } from "node:timers/promises";
import { LadingError } from "../../errors.ts";
import { type ByteString, textOf } from "../../tar/byte-string.ts";
import { errno } from "../disk-error.ts";
import type { Directory, OpenDirectory } from "./directory.ts";
import { joined } from "./paths.ts";

/**
 * Removes a name, and all below it if it is a directory. Never leaves the directory it is in, nor goes
 * into what is mounted there. `onDirectory` is told the path of each directory that is gone.
 */
export function removeEntry(
  parent: Directory,
  name: ByteString,
  openDirectory: OpenDirectory,
  onDirectory: (path: ByteString) => void = () => {},
): void {
  for (const _ of new Removal(openDirectory, onDirectory).of(parent, name));
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
  for (const _ of new Removal(openDirectory, () => {}).of(parent, name)) {
    if (performance.now() - since < SLICE_MS) continue;
    await setImmediate();
    since = performance.now();
  }
}

/** How many directories of a path are held open; a layer may be deeper than a process may open files. */
const DEEPEST = 64;

class Removal {
  readonly #openDirectory: OpenDirectory;
  readonly #onDirectory: (path: ByteString) => void;
  /** What lay too deep, by the name under which it waits in the topmost directory. */
  readonly #raised = new Map<ByteString, ByteString>();

  constructor(openDirectory: OpenDirectory, onDirectory: (path: ByteString) => void) {
    this.#openDirectory = openDirectory;
    this.#onDirectory = onDirectory;
  }

  /** One step for each name that is gone. What is gone already is no failure. */
  *of(parent: Directory, name: ByteString): Generator<void> {
    const path = joined(parent.path, name);
    if (!this.#removedAtOnce(parent, name, path)) {
      using top = this.#openDirectory(parent.at(name), path);
      makeAccessible(top);
      // Once more for what was raised, and not for what somebody else puts there meanwhile.
      for (let raised = -1; raised < this.#raised.size; ) {
        raised = this.#raised.size;
        for (const child of namesIn(top)) yield* this.#below(top, top, child, 1);
      }
      ignoreMissing(() => rmdirSync(parent.at(name)));
      this.#onDirectory(path);
    }
    yield;
  }

  *#below(top: Directory, within: Directory, name: ByteString, depth: number): Generator<void> {
    const path = this.#raised.get(name) ?? joined(within.path, name);
    if (!this.#removedAtOnce(within, name, path)) {
      using directory = this.#openDirectory(within.at(name), path);
      makeAccessible(directory);
      if (depth === DEEPEST) {
        const waiting = randomBytes(16).toString("hex") as ByteString;
        ignoreMissing(() => renameSync(within.at(name), top.at(waiting)));
        this.#raised.set(waiting, path);
        return;
      }
      for (const child of namesIn(directory)) yield* this.#below(top, directory, child, depth + 1);
      ignoreMissing(() => rmdirSync(within.at(name)));
      this.#onDirectory(path);
    }
    yield;
  }

  /** All but directories that have something in them. */
  #removedAtOnce(within: Directory, name: ByteString, path: ByteString): boolean {
    const at = within.at(name);
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found === undefined) return true;
    if (!found.isDirectory()) {
      ignoreMissing(() => unlinkSync(at));
      return true;
    }
    try {
      ignoreMissing(() => rmdirSync(at));
    } catch (error) {
      const code = errno(error);
      if (code === "ENOTEMPTY" || code === "EEXIST") return false;
      // Not ours to empty, whatever a layer says of the directory that it hides.
      if (code === "EBUSY") throw mounted(path);
      throw error;
    }
    this.#onDirectory(path);
    return true;
  }
}

/** Its owner may have taken the right to look into it, or to change it, from himself. */
export function makeAccessible(directory: Directory): void {
  const { mode } = statSync(directory.self);
  if ((mode & 0o700) !== 0o700) ignoreMissing(() => chmodSync(directory.self, 0o700));
}

function namesIn(directory: Directory): readonly ByteString[] {
  return readdirSync(directory.self, { encoding: "latin1" }) as ByteString[];
}

function ignoreMissing(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (errno(error) !== "ENOENT") throw error;
  }
}

function mounted(path: ByteString): LadingError {
  return new LadingError("disk", `${JSON.stringify(textOf(path))} is a mount point`, {
    hint: "unmount what is in the target first",
  });
}
