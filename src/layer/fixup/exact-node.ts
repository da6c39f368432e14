import type { ByteString } from "../../tar/byte-string.ts";
import { childPlace, type Place } from "./layer-source.ts";

/** What the root filesystem has under a name, by the rules of `docs/unpack.md`. */
export type ExactNode = ExactDirectory | ExactLeaf;

/** Anything but a directory. One that is hard-linked by an upper layer stands under several names. */
export class ExactLeaf {
  readonly place: Place;
  readonly isSymlink: boolean;
  /** Whether an upper layer gave it another name. */
  isShared = false;

  constructor(place: Place, isSymlink: boolean) {
    this.place = place;
    this.isSymlink = isSymlink;
  }
}

/** Hard links of a layer to files below it: its tree on disk does not have them. */
export type LinkedLeaves = (place: Place) => ReadonlyMap<ByteString, ExactLeaf> | undefined;

export class ExactDirectory {
  /** Whose owner, mode, times and attributes it has. */
  attributes: Place;
  /** The one directory that it is, as long as nothing was merged into it. */
  readonly #source: Place;
  readonly #linked: LinkedLeaves;
  #children: Map<ByteString, ExactNode> | undefined;

  constructor(source: Place, linked: LinkedLeaves) {
    this.attributes = source;
    this.#source = source;
    this.#linked = linked;
  }

  /** An empty one, where a symlink led to nothing. */
  static made(attributes: Place): ExactDirectory {
    const made = new ExactDirectory(attributes, () => undefined);
    made.#children = new Map();
    return made;
  }

  /** Where all of it is, if nobody has looked into it yet, nor made it like another one. */
  get untouched(): Place | undefined {
    const isAsItWas = this.#children === undefined && this.attributes === this.#source;
    return isAsItWas ? this.#source : undefined;
  }

  get children(): Map<ByteString, ExactNode> {
    this.#children ??= this.#load();
    return this.#children;
  }

  #load(): Map<ByteString, ExactNode> {
    const source = this.#source;
    const children = new Map<ByteString, ExactNode>();
    for (const [name, kind] of source.layer.children(source.path)) {
      const place = childPlace(source, name);
      if (kind === "directory") children.set(name, new ExactDirectory(place, this.#linked));
      else if (kind !== "whiteout") children.set(name, new ExactLeaf(place, kind === "symlink"));
    }
    for (const [name, leaf] of this.#linked(source) ?? []) children.set(name, leaf);
    return children;
  }
}
