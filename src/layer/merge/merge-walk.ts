import { chmodSync, type Dirent, lstatSync, readdirSync, renameSync, statSync } from "node:fs";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import type { NameFolding } from "../../disk/name-folding.ts";
import type { Directory } from "../../disk/tree/directory.ts";
import { type DirectoryMetadata, readMetadata, writeMetadata } from "../../disk/tree/metadata.ts";
import { makeAccessible } from "../../disk/tree/remove.ts";
import { setTimes } from "../../disk/tree/times.ts";
import { joined, nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import { type ByteString, byteString } from "../../tar/byte-string.ts";
import { foldedName } from "../apply/folded-names.ts";
import { checkPath } from "../entry-path.ts";
import type { UnpackLimits } from "../limits.ts";
import type { LayerMarks } from "../marks.ts";
import { namesIn, Spelling, TreeSpelling } from "./spelling.ts";

export interface MergeOptions {
  readonly record: LayerMarks;
  readonly above: Tree;
  readonly below: Tree;
  readonly kernel: Kernel | undefined;
  readonly folding: NameFolding;
  readonly limits: UnpackLimits;
  readonly wanted: () => void;
}

const DOT = "." as ByteString;

/** How many directories of a path are held open, of either side. */
const DEEPEST = 64;

/** A directory of either side, to be merged when those that are held open have been. */
interface Later {
  readonly above: ByteString;
  readonly below: ByteString;
  readonly through: "link" | "directories";
}

/** One layer on its way over those below: `docs/unpack.md` has the rules. */
export class MergeWalk {
  readonly #options: MergeOptions;
  /** Paths as {@link #folded} has them: the disk may list names otherwise than they were written. */
  readonly #implied: ReadonlySet<string>;
  readonly #opaques: ReadonlySet<string>;
  /** Names that go, by their directory. */
  readonly #whiteouts: ReadonlyMap<string, readonly ByteString[]>;
  /** Only root may rename what its owner has locked. */
  readonly #unlock = process.geteuid?.() !== 0;
  readonly #later: Later[] = [];

  constructor(options: MergeOptions) {
    const { implied, opaques, whiteouts } = options.record;
    this.#options = options;
    this.#implied = new Set(implied.map((path) => this.#folded(path)));
    this.#opaques = new Set(opaques.map((path) => this.#folded(path)));
    this.#whiteouts = this.#byParent(whiteouts);
  }

  /**
   * What goes through links comes last: a directory that the layer also names directly loses what is
   * below before, whatever the order in which the disk lists them.
   */
  merge(): void {
    const { above, below } = this.#options;
    this.#mergeInto(above.root, below.root, 0);
    for (const later of this.#later) {
      if (later.through === "link") this.#mergeThroughLink(later);
      else this.#mergeDeep(later);
    }
  }

  /** `above` and `below` are one directory of the result. */
  #mergeInto(above: Directory, below: Directory, depth: number): void {
    const { kernel, folding, wanted } = this.#options;
    wanted();
    const lower = readMetadata(below, kernel);
    const upper = this.#implied.has(this.#folded(above.path))
      ? undefined
      : readMetadata(above, kernel);
    if (this.#unlock) for (const directory of [above, below]) makeAccessible(directory);
    this.#hide(above.path, below);
    const known = Spelling.of(below, folding);
    for (const child of children(above)) {
      const name = byteString(child.name);
      known?.check(name);
      this.#mergeChild(above, below, name, child.isDirectory(), depth);
    }
    this.#finish(below, upper ?? lower, upper !== undefined);
  }

  /** What this layer takes away from those below it. */
  #hide(path: ByteString, below: Directory): void {
    const { below: tree, folding } = this.#options;
    const key = this.#folded(path);
    if (this.#opaques.has(key)) {
      for (const name of namesIn(below)) tree.remove(below, name);
      return;
    }
    const hidden = this.#whiteouts.get(key);
    if (hidden === undefined) return;
    const known = Spelling.of(below, folding);
    for (const name of hidden) if (known?.has(name) ?? true) tree.remove(below, name);
  }

  #mergeChild(
    above: Directory,
    below: Directory,
    name: ByteString,
    isDirectory: boolean,
    depth: number,
  ): void {
    const lower = lstatSync(below.at(name), { throwIfNoEntry: false });
    if (lower === undefined) this.#move(above, below, name, isDirectory);
    else if (isDirectory && lower.isDirectory()) this.#mergeDirectories(above, below, name, depth);
    else if (isDirectory && lower.isSymbolicLink() && this.#isImplied(above, name)) {
      this.#postpone(above, below, name, "link");
    } else {
      // A file over a file takes its place in one step.
      if (isDirectory || lower.isDirectory()) this.#options.below.remove(below, name);
      this.#move(above, below, name, isDirectory);
    }
  }

  #mergeDirectories(above: Directory, below: Directory, name: ByteString, depth: number): void {
    if (depth === DEEPEST) {
      this.#postpone(above, below, name, "directories");
      return;
    }
    using upper = this.#options.above.child(above, name);
    using lower = this.#options.below.child(below, name);
    this.#mergeInto(upper, lower, depth + 1);
  }

  #postpone(above: Directory, below: Directory, name: ByteString, through: Later["through"]): void {
    this.#later.push({
      above: joined(above.path, name),
      below: joined(below.path, name),
      through,
    });
  }

  #mergeDeep({ above, below }: Later): void {
    using upper = this.#options.above.resolve(above);
    using lower = this.#options.below.resolve(below);
    this.#mergeInto(upper, lower, 0);
  }

  /**
   * Nobody said that it is a directory of this layer's own: its content lands where the link leads.
   * What is missing on the way is made, as the implied directory is.
   */
  #mergeThroughLink({ above, below }: Later): void {
    const { above: upperTree, below: lowerTree, kernel, limits, folding } = this.#options;
    const made: ByteString[] = [];
    let nearest: { readonly path: ByteString; readonly metadata: DirectoryMetadata } | undefined;
    using lower = lowerTree.resolve(below, (path, parent) => {
      checkPath(path, limits);
      nearest ??= { path: parent.path, metadata: readMetadata(parent, kernel) };
      made.push(path);
    });
    new TreeSpelling(lowerTree, folding).check(lower.path);
    using upper = upperTree.resolve(above);
    const implied = readMetadata(upper, kernel);
    this.#mergeInto(upper, lower, 0);
    for (const path of made.reverse()) this.#describe(path, implied);
    if (nearest !== undefined) this.#describe(nearest.path, nearest.metadata);
  }

  #describe(path: ByteString, metadata: DirectoryMetadata): void {
    using directory = this.#options.below.resolve(path);
    writeMetadata(directory, metadata, this.#options.kernel);
  }

  #move(above: Directory, below: Directory, name: ByteString, isDirectory: boolean): void {
    if (!this.#unlock || !isDirectory) {
      renameSync(above.at(name), below.at(name));
      return;
    }
    // A directory that changes its parent is written to: its `..` is.
    using leaving = this.#options.above.child(above, name);
    const { mode } = statSync(leaving.self);
    makeAccessible(leaving);
    renameSync(above.at(name), below.at(name));
    // Where directories are held by path, it has left the one that it was opened by.
    using moved = this.#options.below.child(below, name);
    chmodSync(moved.self, mode & 0o7777);
  }

  /** The names of a layer are distinct when folded, so each stands for one of them. */
  #folded(path: ByteString): string {
    return foldedName(path, this.#options.folding);
  }

  #byParent(paths: readonly ByteString[]): ReadonlyMap<string, readonly ByteString[]> {
    const grouped = new Map<string, ByteString[]>();
    for (const path of paths) {
      const parent = this.#folded(parentOf(path));
      const names = grouped.get(parent);
      if (names === undefined) grouped.set(parent, [nameOf(path)]);
      else names.push(nameOf(path));
    }
    return grouped;
  }

  #isImplied(above: Directory, name: ByteString): boolean {
    return this.#implied.has(this.#folded(joined(above.path, name)));
  }

  #finish(below: Directory, metadata: DirectoryMetadata, changed: boolean): void {
    const { kernel } = this.#options;
    if (changed || this.#unlock) writeMetadata(below, metadata, kernel);
    else setTimes(below.at(DOT), metadata.stat.mtimeNs, kernel);
  }
}

function children(directory: Directory): readonly Dirent<Buffer>[] {
  return readdirSync(directory.at(DOT), { encoding: "buffer", withFileTypes: true });
}
