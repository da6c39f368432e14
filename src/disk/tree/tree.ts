import { lstatSync, mkdirSync, readlinkSync } from "node:fs";
import { LadingError } from "../../errors.ts";
import { type ByteString, byteString, textOf } from "../../tar/byte-string.ts";
import { errno } from "../disk-error.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { type Directory, heldDirectory, type OpenDirectory } from "./directory.ts";
import { removeEntry } from "./remove.ts";

/** As the kernel has it (path_resolution(7)). */
const MAX_LINKS = 40;
/** Directories held open at one time. */
const MAX_HELD = 128;

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
   * The directory that a path names. Missing ones are made (0700) when `onMade` is given, and told to
   * it by their place below the root. Good until the next call but one: it may be closed then.
   */
  directory(path: ByteString, onMade?: (path: ByteString) => void): Directory {
    if (path === "") return this.root;
    const held = this.#held.get(path);
    if (held !== undefined) {
      this.#held.delete(path);
      this.#held.set(path, held);
      return held;
    }
    return this.#hold(path, this.resolve(path, onMade));
  }

  /** The same, held open for the caller alone, who closes it. */
  resolve(path: ByteString, onMade?: (path: ByteString) => void): Directory {
    return this.#openBelow(path) ?? this.#walk(path, onMade);
  }

  /** A directory by its name in another one, for the caller to close. */
  child(parent: Directory, name: ByteString): Directory {
    return this.#options.openDirectory(parent.at(name), joined(parent.path, name));
  }

  /** Removes a name and all below it. Directories that were handed out are closed if it was one. */
  remove(parent: Directory, name: ByteString): void {
    const found = lstatSync(parent.at(name), { throwIfNoEntry: false });
    if (found === undefined) return;
    removeEntry(parent, name, this.#options.openDirectory);
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
      if (["ENOENT", "ELOOP", "ENOTDIR"].includes(errno(error) ?? "")) return undefined;
      throw error;
    }
  }

  /** Component by component, each opened in the one before, so that links are seen and decided here. */
  #walk(path: ByteString, onMade?: (path: ByteString) => void): Directory {
    const ahead = path.split("/").reverse() as ByteString[];
    let here: Directory = this.root;
    let links = 0;
    const enter = (next: Directory): void => {
      if (here !== this.root) here[Symbol.dispose]();
      here = next;
    };
    try {
      for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
        if (name === "" || name === ".") continue;
        if (name === "..") {
          enter(this.#physical(parentOf(here.path)));
          continue;
        }
        const step = this.#step(here, name, onMade);
        if (typeof step !== "string") {
          enter(step);
          continue;
        }
        links += 1;
        if (links > MAX_LINKS) throw tooManyLinks(path);
        if (step.startsWith("/")) enter(this.root);
        ahead.push(...(step.split("/").reverse() as ByteString[]));
      }
      // The root is held for as long as the tree is; what is handed out is closed by its own.
      return here === this.root
        ? this.#options.openDirectory(here.at("." as ByteString), here.path)
        : here;
    } catch (error) {
      enter(this.root);
      throw error;
    }
  }

  /** The directory of that name, made if need be; or the text of a symbolic link in its place. */
  #step(
    here: Directory,
    name: ByteString,
    onMade?: (path: ByteString) => void,
  ): Directory | ByteString {
    const path = joined(here.path, name);
    for (;;) {
      try {
        return this.#options.openDirectory(here.at(name), path);
      } catch (error) {
        const code = errno(error);
        if (code === "ENOENT" && onMade !== undefined) {
          mkdirSync(here.at(name), 0o700);
          onMade(path);
          continue;
        }
        if (code !== "ENOTDIR" && code !== "ELOOP") throw error;
      }
      if (!lstatSync(here.at(name)).isSymbolicLink()) throw notADirectory(path);
      return byteString(readlinkSync(here.at(name), { encoding: "buffer" }));
    }
  }

  /** A directory that has just been passed through: a link in its place by now is an attack. */
  #physical(path: ByteString): Directory {
    let here = this.#options.openDirectory(this.root.at("." as ByteString), "" as ByteString);
    for (const name of path.split("/") as ByteString[]) {
      if (name === "") continue;
      const next = this.#step(here, name);
      here[Symbol.dispose]();
      if (typeof next === "string") throw notADirectory(path);
      here = next;
    }
    return here;
  }
}

export function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf("/"))) as ByteString;
}

export function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1) as ByteString;
}

export function joined(directory: ByteString, name: ByteString): ByteString {
  return (directory === "" ? name : `${directory}/${name}`) as ByteString;
}

function notADirectory(path: ByteString): LadingError {
  return new LadingError("malformed", `${textOf(path)} is not a directory, but has names below it`);
}

function tooManyLinks(path: ByteString): LadingError {
  return new LadingError("malformed", `${textOf(path)} goes through too many symbolic links`);
}
