import { chmodSync, type Dirent, lstatSync, readdirSync, renameSync } from "node:fs";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import type { Directory } from "../../disk/tree/directory.ts";
import { type DirectoryMetadata, readMetadata, writeMetadata } from "../../disk/tree/metadata.ts";
import { setTimes } from "../../disk/tree/times.ts";
import { joined, type Tree } from "../../disk/tree/tree.ts";
import { type ByteString, byteString } from "../../tar/byte-string.ts";
import { collision, foldedName } from "../apply/folded-names.ts";
import type { LayerRecord } from "../record.ts";

export interface MergeOptions {
  readonly record: LayerRecord;
  readonly above: Tree;
  readonly below: Tree;
  readonly kernel: Kernel | undefined;
  readonly folding: boolean;
  readonly wanted: () => void;
}

const DOT = "." as ByteString;

/** One layer on its way over those below: `docs/unpack.md` has the rules. */
export class MergeWalk {
  readonly #options: MergeOptions;
  readonly #implied: ReadonlySet<ByteString>;
  readonly #opaques: ReadonlySet<ByteString>;
  /** Names that go, by their directory. */
  readonly #whiteouts: ReadonlyMap<ByteString, readonly ByteString[]>;
  /** Only root may rename what its owner has locked. */
  readonly #unlock = process.geteuid?.() !== 0;

  constructor(options: MergeOptions) {
    const { implied, opaques, whiteouts } = options.record;
    this.#options = options;
    this.#implied = new Set(implied);
    this.#opaques = new Set(opaques);
    this.#whiteouts = byParent(whiteouts);
  }

  merge(): void {
    this.#mergeInto(this.#options.above.root, this.#options.below.root);
  }

  /** `above` and `below` are one directory of the result. */
  #mergeInto(above: Directory, below: Directory): void {
    const { kernel, wanted } = this.#options;
    wanted();
    const lower = readMetadata(below, kernel);
    const upper = this.#implied.has(above.path) ? undefined : readMetadata(above, kernel);
    if (this.#unlock) for (const { at } of [above, below]) chmodSync(at(DOT), 0o700);
    this.#hide(above.path, below);
    const known = this.#options.folding ? foldedNamesIn(below) : undefined;
    for (const child of children(above)) {
      const name = byteString(child.name);
      checkFolded(known, name);
      this.#mergeChild(above, below, name, child.isDirectory());
    }
    this.#finish(below, upper ?? lower, upper !== undefined);
  }

  /** What this layer takes away from those below it. */
  #hide(path: ByteString, below: Directory): void {
    const { below: tree } = this.#options;
    const hidden = this.#opaques.has(path) ? namesIn(below) : (this.#whiteouts.get(path) ?? []);
    for (const name of hidden) tree.remove(below, name);
  }

  #mergeChild(above: Directory, below: Directory, name: ByteString, isDirectory: boolean): void {
    const lower = lstatSync(below.at(name), { throwIfNoEntry: false });
    if (lower === undefined) this.#move(above, below, name, isDirectory);
    else if (isDirectory && lower.isDirectory()) this.#mergeDirectories(above, below, name);
    else if (isDirectory && lower.isSymbolicLink() && this.#isImplied(above, name)) {
      this.#mergeThroughLink(above, below, name);
    } else {
      // A file over a file takes its place in one step.
      if (isDirectory || lower.isDirectory()) this.#options.below.remove(below, name);
      this.#move(above, below, name, isDirectory);
    }
  }

  #mergeDirectories(above: Directory, below: Directory, name: ByteString): void {
    const { above: upperTree, below: lowerTree } = this.#options;
    using upper = upperTree.child(above, name);
    using lower = lowerTree.child(below, name);
    this.#mergeInto(upper, lower);
  }

  /** Nobody said that it is a directory of this layer's own: its content lands where the link leads. */
  #mergeThroughLink(above: Directory, below: Directory, name: ByteString): void {
    const { above: upperTree, below: lowerTree, kernel } = this.#options;
    const made: ByteString[] = [];
    using lower = lowerTree.resolve(joined(below.path, name), (path) => made.push(path));
    using upper = upperTree.child(above, name);
    this.#mergeInto(upper, lower);
    for (const path of made.reverse()) {
      using directory = lowerTree.resolve(path);
      chmodSync(directory.at(DOT), 0o755);
      setTimes(directory.at(DOT), 0n, kernel);
    }
  }

  #move(above: Directory, below: Directory, name: ByteString, isDirectory: boolean): void {
    const from = above.at(name);
    if (!this.#unlock || !isDirectory) {
      renameSync(from, below.at(name));
      return;
    }
    // A directory that changes its parent is written to: its `..` is.
    const { mode } = lstatSync(from);
    chmodSync(from, mode | 0o700);
    renameSync(from, below.at(name));
    chmodSync(below.at(name), mode & 0o7777);
  }

  #isImplied(above: Directory, name: ByteString): boolean {
    return this.#implied.has(joined(above.path, name));
  }

  #finish(below: Directory, metadata: DirectoryMetadata, changed: boolean): void {
    const { kernel } = this.#options;
    if (changed || this.#unlock) writeMetadata(below, metadata, kernel);
    else setTimes(below.at(DOT), metadata.stat.mtimeNs, kernel);
  }
}

function byParent(paths: readonly ByteString[]): Map<ByteString, ByteString[]> {
  const grouped = new Map<ByteString, ByteString[]>();
  for (const path of paths) {
    const slash = path.lastIndexOf("/");
    const parent = path.slice(0, Math.max(0, slash)) as ByteString;
    const names = grouped.get(parent);
    const name = path.slice(slash + 1) as ByteString;
    if (names === undefined) grouped.set(parent, [name]);
    else names.push(name);
  }
  return grouped;
}

function children(directory: Directory): readonly Dirent<Buffer>[] {
  return readdirSync(directory.at(DOT), { encoding: "buffer", withFileTypes: true });
}

function namesIn(directory: Directory): readonly ByteString[] {
  return readdirSync(directory.at(DOT), { encoding: "buffer" }).map((name) => byteString(name));
}

function foldedNamesIn(directory: Directory): ReadonlyMap<string, ByteString> {
  return new Map(namesIn(directory).map((name) => [foldedName(name), name]));
}

function checkFolded(known: ReadonlyMap<string, ByteString> | undefined, name: ByteString): void {
  const other = known?.get(foldedName(name));
  if (other !== undefined && other !== name) throw collision(other, name);
}
