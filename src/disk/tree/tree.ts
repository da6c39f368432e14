import { lstatSync, mkdirSync, readlinkSync } from "node:fs";
import { LadingError } from "../../errors.ts";
import { type ByteString, byteString, textOf } from "../../tar/byte-string.ts";
import { errno } from "../disk-error.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { type Directory, heldDirectory, type OpenDirectory } from "./directory.ts";
import { joined, parentOf } from "./paths.ts";
import { removeEntry } from "./remove.ts";

export { joined, nameOf, parentOf } from "./paths.ts";

/** As the kernel has it (path_resolution(7)). */
const MAX_LINKS = 40;
/** Names in the texts of those links together: a walk costs a call for each. */
const MAX_LINKED_NAMES = 4096;
/** Directories held open at one time. */
const MAX_HELD = 128;
/** On the way to one of them. */
const MAX_PASSED = 64;

/** Told of a directory that is about to be made: its place below the root, and the one it will be in. */
export type OnMissing = (path: ByteString, parent: Directory) => void;

export interface TreeOptions {
  readonly kernel?: Kernel | undefined;
  readonly openDirectory: OpenDirectory;
}

/**
 * A directory tree that nothing escapes: symbolic links among the parents resolve inside its root, as
 * if by chroot, `..` at the root is the root, and the last component of a name is never followed.
 */
export class Tree implements Disposable {
  readonly root: Directory;
  readonly #options: TreeOptions;
  /** By the name asked for, least recently used first. */
  readonly #held = new Map<ByteString, Directory>();

  constructor(path: string, options: TreeOptions) {
    this.#options = options;
    this.root = options.openDirectory(path, "" as ByteString);
  }

  /**
   * The directory that a path names. Missing ones are made (0700) when `onMissing` is given, which
   * hears of each before. Good until the next call but one: it may be closed then.
   */
  directory(path: ByteString, onMissing?: OnMissing): Directory {
    if (path === "") return this.root;
    const held = this.#held.get(path);
    if (held !== undefined) {
      this.#held.delete(path);
      this.#held.set(path, held);
      return held;
    }
    return this.#hold(path, this.resolve(path, onMissing));
  }

  /** The same, held open for the caller alone, who closes it. */
  resolve(path: ByteString, onMissing?: OnMissing): Directory {
    return this.#openBelow(path) ?? this.#walk(path, onMissing);
  }

  /** A directory by its name in another one, for the caller to close. */
  child(parent: Directory, name: ByteString): Directory {
    return this.#options.openDirectory(parent.at(name), joined(parent.path, name));
  }

  /**
   * Removes a name and all below it; `onDirectory` is told which directories went. Directories that
   * were handed out are closed if it was one.
   */
  remove(parent: Directory, name: ByteString, onDirectory?: (path: ByteString) => void): void {
    const found = lstatSync(parent.at(name), { throwIfNoEntry: false });
    if (found === undefined) return;
    removeEntry(parent, name, this.#options.openDirectory, onDirectory);
    // Names that led through it lead elsewhere now.
    if (found.isDirectory() || found.isSymbolicLink()) this.#forget();
  }

  #forget(): void {
    for (const directory of new Set(this.#held.values())) directory[Symbol.dispose]();
    this.#held.clear();
  }

  [Symbol.dispose](): void {
    this.#forget();
    this.root[Symbol.dispose]();
  }

  #hold(path: ByteString, directory: Directory): Directory {
    this.#held.set(path, directory);
    for (const [name, oldest] of this.#held) {
      if (this.#held.size <= MAX_HELD) break;
      this.#held.delete(name);
      oldest[Symbol.dispose]();
    }
    return directory;
  }

  /** In one call, when the path is there and no symbolic link is on the way. */
  #openBelow(path: ByteString): Directory | undefined {
    const openBelow = this.#options.kernel?.openBelow;
    if (openBelow === undefined || !("fd" in this.root) || typeof this.root.fd !== "number") {
      return undefined;
    }
    try {
      return heldDirectory(openBelow(this.root.fd, path), path);
    } catch (error) {
      if (WALK_INSTEAD.has(errno(error) ?? "")) return undefined;
      throw error;
    }
  }

  /**
   * Component by component, each opened in the one before, so that links are seen and decided here.
   * Those passed through stay open for a while: `..` is where we came from, whatever its name by now.
   */
  #walk(path: ByteString, onMissing?: OnMissing): Directory {
    const ahead = path.split("/").reverse() as ByteString[];
    const passed: Directory[] = [];
    let links = 0;
    let linkedNames = 0;
    const enter = (directory: Directory): void => {
      passed.push(directory);
      if (passed.length > MAX_PASSED) passed.shift()?.[Symbol.dispose]();
    };
    const leave = (): void => {
      for (const directory of passed.splice(0)) directory[Symbol.dispose]();
    };
    try {
      for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
        if (name === "" || name === ".") continue;
        if (name === "..") {
          using left = passed.pop();
          const above = parentOf(left?.path ?? ROOT);
          if (passed.length > 0 || above === "") continue;
          for (const again of above.split("/") as ByteString[]) {
            const step = this.#step(passed.at(-1) ?? this.root, again);
            if (typeof step === "string") throw notADirectory(above);
            enter(step);
          }
          continue;
        }
        const step = this.#step(passed.at(-1) ?? this.root, name, onMissing);
        if (typeof step !== "string") {
          enter(step);
          continue;
        }
        const names = step.split("/") as ByteString[];
        links += 1;
        linkedNames += names.length;
        if (links > MAX_LINKS || linkedNames > MAX_LINKED_NAMES) throw tooManyLinks(path);
        if (step.startsWith("/")) leave();
        for (const next of names.reverse()) ahead.push(next);
      }
      // The root is held for as long as the tree is; what is handed out is closed by its own.
      return passed.pop() ?? this.#options.openDirectory(this.root.at(DOT), ROOT);
    } finally {
      leave();
    }
  }

  /** The directory of that name, made if need be; or the text of a symbolic link in its place. */
  #step(here: Directory, name: ByteString, onMissing?: OnMissing): Directory | ByteString {
    const path = joined(here.path, name);
    for (;;) {
      try {
        return this.#options.openDirectory(here.at(name), path);
      } catch (error) {
        const code = errno(error);
        if (code === "ENOENT" && onMissing !== undefined) {
          onMissing(path, here);
          mkdirSync(here.at(name), 0o700);
          continue;
        }
        if (code !== "ENOTDIR" && code !== "ELOOP") throw error;
      }
      if (!lstatSync(here.at(name)).isSymbolicLink()) throw notADirectory(path);
      return byteString(readlinkSync(here.at(name), { encoding: "buffer" }));
    }
  }
}

const ROOT = "" as ByteString;
const DOT = "." as ByteString;
/** A link, a missing part, a path longer than the kernel takes at one time, a rename in the middle. */
const WALK_INSTEAD = new Set(["ENOENT", "ELOOP", "ENOTDIR", "ENAMETOOLONG", "EAGAIN"]);

function notADirectory(path: ByteString): LadingError {
  return new LadingError("malformed", `${textOf(path)} is not a directory, but has names below it`);
}

function tooManyLinks(path: ByteString): LadingError {
  return new LadingError("malformed", `${textOf(path)} goes through too many symbolic links`);
}
