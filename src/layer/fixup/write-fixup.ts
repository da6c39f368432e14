import { lstatSync, mkdirSync } from "node:fs";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import type { Directory } from "../../disk/tree/directory.ts";
import { disinherit } from "../../disk/tree/disinherit.ts";
import { hardLink } from "../../disk/tree/hard-link.ts";
import { writeMetadata } from "../../disk/tree/metadata.ts";
import { joined, nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import { isOverlayMark, LeafCopier } from "../merge/copy-leaf.ts";
import type { Fix, FixedDirectory } from "./difference.ts";
import { ExactDirectory } from "./exact-node.ts";
import type { Place } from "./layer-source.ts";

export interface FixupWriterOptions {
  readonly target: Tree;
  readonly kernel: Kernel | undefined;
  readonly wanted: () => void;
}

/** Writes a layer for the top of a stack. Names of one file in the exact tree are one file here. */
export class FixupWriter {
  readonly #options: FixupWriterOptions;
  readonly #copier: LeafCopier;
  /** Where the first name of a file went, by its layer and inode. */
  readonly #written = new Map<string, ByteString>();
  bytes = 0;

  constructor(options: FixupWriterOptions) {
    this.#options = options;
    this.#copier = new LeafCopier({ ...options, link: "auto" });
  }

  write(fix: FixedDirectory): void {
    const { target, kernel } = this.#options;
    disinherit(target.root, kernel);
    this.#fill(target.root, fix.attributes, fix.children);
  }

  #fill(
    directory: Directory,
    attributes: Place,
    children: Iterable<readonly [ByteString, Fix]>,
  ): void {
    this.#options.wanted();
    for (const [name, fix] of children) this.#writeChild(directory, name, fix);
    this.#describe(directory, attributes);
  }

  #writeChild(parent: Directory, name: ByteString, fix: Fix): void {
    const { kernel } = this.#options;
    switch (fix.type) {
      case "whiteout":
        kernel?.makeNode(parent.at(name), "character-device", { major: 0, minor: 0 });
        break;
      case "leaf":
        this.#copyLeaf(parent, name, fix.leaf.place);
        break;
      case "directory":
        this.#makeDirectory(parent, name, fix.attributes, fix.children);
        break;
      case "whole":
        this.#makeDirectory(parent, name, fix.directory.attributes, wholeOf(fix.directory));
    }
  }

  #makeDirectory(
    parent: Directory,
    name: ByteString,
    attributes: Place,
    children: Iterable<readonly [ByteString, Fix]>,
  ): void {
    mkdirSync(parent.at(name), 0o700);
    using directory = this.#options.target.child(parent, name);
    this.#fill(directory, attributes, children);
  }

  #copyLeaf(parent: Directory, name: ByteString, { layer, path }: Place): void {
    const from = layer.at(path);
    const stat = lstatSync(from);
    const key = `${layer.position}:${stat.ino}`;
    const first = this.#written.get(key);
    if (first === undefined) {
      this.#copier.copy(from, parent.at(name), stat);
      this.#written.set(key, joined(parent.path, name));
      if (stat.isFile()) this.bytes += stat.size;
      return;
    }
    const known = this.#options.target.directory(parentOf(first));
    hardLink(known.at(nameOf(first)), parent.at(name));
  }

  #describe(directory: Directory, { layer, path }: Place): void {
    const { kernel } = this.#options;
    const { stat, xattrs } = layer.metadata(path);
    const kept = [...xattrs].filter(([name]) => !isOverlayMark(name));
    writeMetadata(directory, { stat, xattrs: new Map(kept) }, kernel);
  }
}

function* wholeOf(directory: ExactDirectory): Generator<readonly [ByteString, Fix]> {
  for (const [name, node] of directory.children) {
    yield node instanceof ExactDirectory
      ? [name, { type: "whole", directory: node }]
      : [name, { type: "leaf", leaf: node }];
  }
}
