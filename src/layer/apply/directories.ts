import { closeSync, constants, fsyncSync, openSync } from "node:fs";
import type { Path } from "../../disk/kernel/kernel.ts";
import { nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import type { Attributes, AttributeWriter } from "./attributes.ts";
import type { Budget } from "./budget.ts";

/** What is kept of a directory's entry: there may be a million of them. */
interface Described {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly xattrs: Attributes["xattrs"];
}

const NO_XATTRS: Attributes["xattrs"] = new Map();

/** A directory that no entry describes, if nothing below the layer does either. */
const IMPLIED: Described = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n, xattrs: NO_XATTRS };

const DIRECTORY = { type: "directory", device: { major: 0, minor: 0 } } as const;

/**
 * Remembers what directories are to be like until all that is in them is written: times would change
 * and a mode without `w` would be in the way.
 */
export class Directories {
  readonly #described = new Map<ByteString, Described>();
  /** The root is always there. */
  readonly #implied = new Set<ByteString>(["" as ByteString]);
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  describe(path: ByteString, { mode, uid, gid, mtimeNs, xattrs }: Attributes): void {
    this.#budget.holdDirectory(path, xattrs);
    const kept = xattrs.size === 0 ? NO_XATTRS : xattrs;
    this.#described.set(path, { mode, uid, gid, mtimeNs, xattrs: kept });
    this.#implied.delete(path);
  }

  imply(path: ByteString): void {
    if (this.#described.has(path)) return;
    this.#budget.imply(path);
    this.#implied.add(path);
  }

  /** It has been taken away. */
  forget(path: ByteString): void {
    this.#described.delete(path);
    this.#implied.delete(path);
  }

  get implied(): readonly ByteString[] {
    return [...this.#implied];
  }

  /** Children before their parents. */
  finish(tree: Tree, writer: AttributeWriter, sync: boolean): void {
    const byDepth: ByteString[][] = [];
    for (const known of [this.#described, this.#implied]) {
      for (const path of known.keys()) {
        const at = depth(path);
        while (byDepth.length <= at) byDepth.push([]);
        byDepth[at]?.push(path);
      }
    }
    for (let paths = byDepth.pop(); paths !== undefined; paths = byDepth.pop()) {
      for (const path of paths) {
        const attributes = { ...DIRECTORY, ...(this.#described.get(path) ?? IMPLIED) };
        setDirectory(tree, path, sync, (fd, at) => writer.toOpen(fd, at, attributes));
      }
    }
  }
}

function setDirectory(
  tree: Tree,
  path: ByteString,
  sync: boolean,
  set: (fd: number, at: Path) => void,
): void {
  const name = path === "" ? ("." as ByteString) : nameOf(path);
  const at = tree.directory(parentOf(path)).at(name);
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const fd = openSync(at, flags);
  try {
    set(fd, at);
    if (sync) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function depth(path: ByteString): number {
  let count = path === "" ? 0 : 1;
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) count += 1;
  return count;
}
