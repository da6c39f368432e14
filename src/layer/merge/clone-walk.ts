import { type Dirent, lstatSync, mkdirSync, readdirSync, type Stats } from "node:fs";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import type { NameFolding } from "../../disk/name-folding.ts";
import type { Directory } from "../../disk/tree/directory.ts";
import { disinherit } from "../../disk/tree/disinherit.ts";
import { hardLink } from "../../disk/tree/hard-link.ts";
import { readMetadata, writeMetadata } from "../../disk/tree/metadata.ts";
import { joined, nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import { type ByteString, byteString } from "../../tar/byte-string.ts";
import type { CloneLink } from "../worker/protocol.ts";
import { isOverlayMark, LeafCopier } from "./copy-leaf.ts";
import { Spelling } from "./spelling.ts";

export interface CloneOptions {
  readonly source: Tree;
  readonly target: Tree;
  readonly kernel: Kernel | undefined;
  readonly link: CloneLink;
  readonly folding: NameFolding;
  readonly wanted: () => void;
}

const DOT = "." as ByteString;
/** How many directories of a path are held open, of either side. */
const DEEPEST = 64;

/** Copies a tree with all that a layer can say about it; overlayfs' own marks stay behind. */
export class CloneWalk {
  readonly #options: CloneOptions;
  /** Where the first name of a file with several went, by its inode. */
  readonly #linked = new Map<number, ByteString>();
  /** Directories whose content comes when those that are held open are done. */
  readonly #deep: ByteString[] = [];
  /** `undefined`: the files of the copy are those of the source. */
  readonly #copier: LeafCopier | undefined;

  constructor(options: CloneOptions) {
    const { kernel, link, wanted } = options;
    this.#options = options;
    this.#copier = link === "hardlink" ? undefined : new LeafCopier({ kernel, link, wanted });
  }

  clone(): void {
    const { source, target, kernel } = this.#options;
    disinherit(target.root, kernel);
    this.#cloneInto(source.root, target.root, 0);
    for (const path of this.#deep) {
      using from = source.resolve(path);
      using to = target.resolve(path);
      this.#cloneInto(from, to, 0);
    }
  }

  #cloneInto(from: Directory, to: Directory, depth: number): void {
    const { source, target, kernel, folding, wanted } = this.#options;
    wanted();
    Spelling.of(from, folding);
    for (const child of children(from)) {
      const name = byteString(child.name);
      if (child.isDirectory()) {
        mkdirSync(to.at(name), 0o700);
        if (depth === DEEPEST) {
          this.#deep.push(joined(from.path, name));
          continue;
        }
        using below = source.child(from, name);
        using copy = target.child(to, name);
        this.#cloneInto(below, copy, depth + 1);
      } else this.#cloneOther(from, to, name);
    }
    const { stat, xattrs } = readMetadata(from, kernel);
    const kept = [...xattrs].filter(([name]) => !isOverlayMark(name));
    writeMetadata(to, { stat, xattrs: new Map(kept) }, kernel);
  }

  #cloneOther(from: Directory, to: Directory, name: ByteString): void {
    const [path, copy] = [from.at(name), to.at(name)];
    const stat = lstatSync(path);
    if (stat.isCharacterDevice() && stat.rdev === 0) return;
    if (this.#copier === undefined) hardLink(path, copy);
    else if (stat.nlink === 1 || !this.#linkToFirst(stat, to, name)) {
      this.#copier.copy(path, copy, stat);
    }
  }

  #linkToFirst(stat: Stats, to: Directory, name: ByteString): boolean {
    const first = this.#linked.get(stat.ino);
    this.#linked.set(stat.ino, first ?? joined(to.path, name));
    if (first === undefined) return false;
    const parent = this.#options.target.directory(parentOf(first));
    hardLink(parent.at(nameOf(first)), to.at(name));
    return true;
  }
}

function children(directory: Directory): readonly Dirent<Buffer>[] {
  return readdirSync(directory.at(DOT), { encoding: "buffer", withFileTypes: true });
}
