import { joined, nameOf, parentOf } from "../../disk/tree/tree.ts";
import { LadingError } from "../../errors.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import { shown } from "../entry-path.ts";
import { noTarget } from "../merge/no-target.ts";
import { ExactDirectory, ExactLeaf, type ExactNode } from "./exact-node.ts";
import type { LayerSource, Place } from "./layer-source.ts";

/** As the kernel has it (path_resolution(7)). */
const MAX_LINKS = 40;
/** Names in the texts of those links together. */
const MAX_LINKED_NAMES = 4096;
const ROOT = "" as ByteString;

/**
 * What the layers come to: the same rules as the flat merge, on names instead of files. Only what two
 * layers share is looked at.
 */
export class ExactTree {
  readonly root: ExactDirectory;
  /** Files of a layer that an upper one gave another name. */
  readonly shared: Set<ExactLeaf> = new Set();
  readonly #linked = new Map<LayerSource, Map<ByteString, Map<ByteString, ExactLeaf>>>();
  /** Implied directories where the layers below have a symlink. */
  readonly #later: { readonly place: Place; readonly path: ByteString }[] = [];
  readonly #wanted: () => void;

  constructor(layers: readonly LayerSource[], wanted: () => void) {
    const [bottom, ...others] = layers;
    if (bottom === undefined) throw new LadingError("internal", "a tree of no layers");
    this.#wanted = wanted;
    this.root = this.#directory({ layer: bottom, path: ROOT });
    for (const { path, target } of bottom.record.marks.links) throw noTarget(path, target);
    for (const layer of others) this.#lay(layer);
  }

  #lay(layer: LayerSource): void {
    // Links first: a whiteout of the file comes too late.
    const linked = new Map<ByteString, Map<ByteString, ExactLeaf>>();
    for (const { path, target } of layer.record.marks.links) {
      const leaf = this.#leafAt(target);
      if (leaf === undefined) throw noTarget(path, target);
      leaf.isShared = true;
      this.shared.add(leaf);
      const names = linked.get(parentOf(path)) ?? new Map<ByteString, ExactLeaf>();
      linked.set(parentOf(path), names.set(nameOf(path), leaf));
    }
    this.#linked.set(layer, linked);
    this.#mergeInto({ layer, path: ROOT }, this.root, ROOT);
    // What goes through links comes last, and may meet others.
    for (const { place, path } of this.#later) {
      const landing = this.#resolve(path, place);
      this.#mergeInto(place, landing.directory, landing.path);
    }
    this.#later.length = 0;
  }

  /** `path`: where the directory of the result is. */
  #mergeInto(above: Place, below: ExactDirectory, path: ByteString): void {
    this.#wanted();
    const { layer } = above;
    if (layer.opaques.has(above.path)) below.children.clear();
    else for (const name of layer.hidden.get(above.path) ?? []) below.children.delete(name);
    for (const [name, node] of this.#directory(above).children) {
      this.#mergeChild(node, joined(above.path, name), below, joined(path, name));
    }
    if (!layer.implied.has(above.path)) below.attributes = above;
  }

  #mergeChild(
    upper: ExactNode,
    upperPath: ByteString,
    below: ExactDirectory,
    path: ByteString,
  ): void {
    const lower = below.children.get(nameOf(path));
    if (upper instanceof ExactDirectory) {
      const place = upper.attributes;
      if (lower instanceof ExactDirectory) {
        this.#mergeInto(place, lower, path);
        return;
      }
      if (lower?.isSymlink && place.layer.implied.has(upperPath)) {
        this.#later.push({ place, path });
        return;
      }
    }
    below.children.set(nameOf(path), upper);
  }

  #leafAt(path: ByteString): ExactLeaf | undefined {
    try {
      const { directory } = this.#resolve(parentOf(path));
      const node = directory.children.get(nameOf(path));
      return node instanceof ExactLeaf ? node : undefined;
    } catch (error) {
      if (error instanceof LadingError && error.code === "malformed") return undefined;
      throw error;
    }
  }

  /** A directory by its path, symbolic links followed inside the root; missing ones made like another. */
  #resolve(path: ByteString, like?: Place): { directory: ExactDirectory; path: ByteString } {
    const ahead = path.split("/").reverse() as ByteString[];
    const here: { readonly name: ByteString; readonly directory: ExactDirectory }[] = [];
    const directory = (): ExactDirectory => here.at(-1)?.directory ?? this.root;
    let links = 0;
    let linkedNames = 0;
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        here.pop();
        continue;
      }
      let child = directory().children.get(name);
      if (child === undefined) {
        if (like === undefined) throw notADirectory(path);
        child = ExactDirectory.made(like);
        directory().children.set(name, child);
      }
      if (child instanceof ExactDirectory) {
        here.push({ name, directory: child });
        continue;
      }
      if (!child.isSymlink) throw notADirectory(path);
      links += 1;
      const target = child.place.layer.readLink(child.place.path);
      const names = target.split("/") as ByteString[];
      linkedNames += names.length;
      if (links > MAX_LINKS || linkedNames > MAX_LINKED_NAMES) {
        throw new LadingError("malformed", `${shown(path)} goes through too many symbolic links`);
      }
      if (target.startsWith("/")) here.length = 0;
      for (const next of names.reverse()) ahead.push(next);
    }
    const names = here.map(({ name }) => name).join("/");
    return { directory: directory(), path: names as ByteString };
  }

  #directory(source: Place): ExactDirectory {
    return new ExactDirectory(source, ({ layer, path }) => this.#linked.get(layer)?.get(path));
  }
}

function notADirectory(path: ByteString): LadingError {
  return new LadingError("malformed", `${shown(path)} is not a directory, but has names below it`);
}
