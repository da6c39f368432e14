import { createTar, type TarFile } from "../tar/writer.ts";
import type { MadeContent } from "./content.ts";
import { ancestors, joined, LayerTree, parentOf, type Standing } from "./layer-tree.ts";
import { Random } from "./random.ts";
import { oneOf, randomDirectory, randomEntry, randomName } from "./random-entry.ts";
import { addImage, addLayer, type Compression, type MadeImage } from "./random-image.ts";

/** What image-spec leaves open, or what unpackers are known to disagree about. All off by default. */
export interface Moot {
  /** A whiteout beside an entry of the same name in one layer. Spec: it hides only lower layers. */
  readonly whiteoutOfOwnName?: boolean;
  /** An entry below a lower file, without an entry for the directory that must replace it. */
  readonly impliedOverFile?: boolean;
  /** An entry below a lower symlink that leads to nothing. */
  readonly impliedOverDanglingLink?: boolean;
  /**
   * A hard link that names its target by where that lands: `usr/lib/x`, when `lib/x` is in the same
   * layer. Archivers name a target as its own entry does.
   */
  readonly linkToLanded?: boolean;
  /**
   * An opaque mark after an entry whose parent, below the mark, has no entry yet. Spec: marks hide only
   * lower layers, wherever they stand. containers/storage takes such parents for the lower layer's.
   */
  readonly opaqueAfterImplied?: boolean;
  /** Xattrs without a value. POSIX: an empty pax value takes back; GNU tar: it is a value. */
  readonly emptyXattrs?: boolean;
}

export interface LayersShape {
  /** The same seed and shape make the same bytes. */
  readonly seed: number;
  /** Default: 1 to 6. */
  readonly layers?: number;
  /** Entries tried in a layer. Default: 5 to 45. */
  readonly entries?: number;
  /** For each layer in turn. Default gzip. */
  readonly compression?: readonly Compression[];
  readonly moot?: Moot;
}

export interface MadeLayers extends MadeImage {
  /** The entries of each layer's tar. */
  readonly files: readonly (readonly TarFile[])[];
}

/**
 * Makes an image whose layers meet in every way that unpacking has to get right: all types over all
 * types, whiteouts, opaque directories, parents without an entry, hard links and symlinks into lower
 * layers. No path stands twice in one tar, and none below a symlink of the same tar: there the order
 * would decide.
 */
export function randomLayers(content: MadeContent, shape: LayersShape): MadeLayers {
  const random = new Random(shape.seed);
  const { layers = 1 + random.below(6), compression = ["gzip"], moot = {} } = shape;
  const tree = new LayerTree();
  const files = Array.from({ length: layers }, (_, layer) =>
    new LayerMaker(random, tree, layer, moot).make(shape.entries ?? 5 + random.below(41)),
  );
  const made = files.map((entries, index) =>
    addLayer(content, createTar(entries), compression[index % compression.length] ?? "gzip"),
  );
  return { ...addImage(content, made), files };
}

class LayerMaker {
  readonly #first: TarFile[] = [];
  readonly #files: TarFile[] = [];
  readonly #last: TarFile[] = [];
  readonly #opaques: string[] = [];
  readonly #random: Random;
  readonly #tree: LayerTree;
  /** The tree before this layer: symlinks are followed through what stood there. */
  readonly #lower: LayerTree;
  readonly #layer: number;
  readonly #moot: Moot;
  /** Where this layer has said something: its entries, whiteouts and the marks of both. */
  readonly #own = new Set<string>();
  /** Where its entries come to stand that go through a lower symlink or file. */
  readonly #landed = new Set<string>();
  /** What this layer relies on: its parents, what its links name. It must not hide these. */
  readonly #relied = new Set<string>();

  constructor(random: Random, tree: LayerTree, layer: number, moot: Moot) {
    this.#random = random;
    this.#tree = tree;
    this.#lower = tree.copy();
    this.#layer = layer;
    this.#moot = moot;
  }

  make(entries: number): TarFile[] {
    const random = this.#random;
    const steps = [
      () => this.#add(),
      () => this.#add(),
      () => this.#add(),
      () => this.#add(),
      () => this.#deep(),
      () => this.#link(),
      () => this.#whiteout(),
      () => this.#opaque(),
      () => this.#through(),
    ];
    for (let tries = 0; tries < entries; tries += 1) oneOf(random, steps, () => {})();
    if (this.#layer === 0 || random.below(3) === 0) {
      this.#first.unshift(randomDirectory(random, "."));
    }
    this.#markOpaques();
    const prefix = random.below(2) === 0 ? "./" : "";
    return [...this.#first, ...this.#files, ...this.#last].map((file) => {
      const path = file.path === "." ? file.path : prefix + file.path;
      if (file.type !== "hardlink") return { ...file, path };
      return { ...file, path, linkPath: prefix + file.linkPath };
    });
  }

  /** Any entry, in a directory of this or a lower layer: beside, over or through what is there. */
  #add(): void {
    const path = joined(this.#anyDirectory(), randomName(this.#random));
    const entry = this.#entry(path);
    if (!this.#free(path, entry.type)) return;
    // A directory may come after what is in it, unless it has to make room for itself first.
    const merges = entry.type === "directory" && this.#isDirectory(path);
    const late = merges && this.#random.below(4) === 0;
    this.#put(path, entry, late ? this.#last : this.#files);
  }

  /** A path of several new directories, with and without entries for them. */
  #deep(): void {
    const below = this.#anyDirectory();
    let path = joined(below, randomName(this.#random));
    if (this.#tree.at(path) !== undefined || this.#own.has(path)) return;
    const { whiteoutOfOwnName } = this.#moot;
    for (let depth = this.#random.below(3); depth >= 0; depth -= 1) {
      const parent = randomDirectory(this.#random, path);
      const files = oneOf(this.#random, [this.#files, this.#last, undefined], undefined);
      this.#put(path, files === undefined ? unspoken(path) : parent, files);
      path = joined(path, randomName(this.#random));
    }
    this.#put(path, this.#entry(path), this.#files);
    if (whiteoutOfOwnName) this.#files.push(mark(whiteoutOf(path)));
  }

  /** Another name for a file of this layer or of one below. */
  #link(): void {
    const targets = this.#tree.paths(({ file }) => file.type === "file");
    const target = oneOf(this.#random, targets, "");
    const standing = this.#tree.at(target);
    const path = joined(this.#anyDirectory(), randomName(this.#random));
    if (standing === undefined || path === target || !this.#free(path, "hardlink")) return;
    if (target.startsWith(`${path}/`)) return;
    if (this.#landed.has(target) && !this.#moot.linkToLanded) return;
    this.#rely(target);
    // Its own attributes are the target's, as every archiver writes them; not so, and unpackers
    // disagree about which of the two count.
    const { content: _, ...attributes } = standing.file;
    this.#put(path, { ...attributes, path, type: "hardlink", linkPath: target }, this.#files);
    this.#tree.set(path, { file: { ...standing.file, path }, layer: this.#layer });
  }

  #whiteout(): void {
    const lower = this.#tree.paths(({ layer }) => layer < this.#layer);
    const missing = joined(this.#anyDirectory(), "missing");
    const path = this.#random.below(5) === 0 ? missing : oneOf(this.#random, lower, missing);
    if (!this.#free(path, "whiteout")) return;
    this.#hide(path);
    this.#files.push(mark(whiteoutOf(path)));
  }

  #hide(path: string): void {
    this.#own.add(path);
    this.#rely(parentOf(path));
    this.#tree.remove(path);
  }

  /** Hides what is below a directory; where its mark stands is decided at the end. */
  #opaque(): void {
    const isLower = (path: string): boolean => (this.#tree.at(path)?.layer ?? -1) < this.#layer;
    const path = oneOf(this.#random, this.#directories(), "");
    const below = this.#tree.below(path);
    const hidden = below.filter((each) => isLower(each) || !this.#own.has(each));
    if (
      path === "" ||
      this.#opaques.includes(path) ||
      hidden.some((each) => this.#relied.has(each))
    )
      return;
    this.#opaques.push(path);
    this.#rely(path);
    for (const each of hidden) if (!this.#own.has(each)) this.#tree.remove(each);
  }

  #markOpaques(): void {
    for (const path of this.#opaques) {
      const below = this.#files.filter((file) => file.path.startsWith(`${path}/`));
      const seen = new Set([path]);
      const orderly = below.every((file) => {
        if (file.type === "directory") seen.add(file.path);
        return seen.has(parentOf(file.path));
      });
      const anywhere = orderly || this.#moot.opaqueAfterImplied === true;
      const at = anywhere ? this.#random.below(this.#files.length + 1) : 0;
      this.#files.splice(at, 0, mark(joined(path, OPAQUE)));
    }
  }

  /**
   * `lib/x` without an entry `lib/`, where a lower layer has the symlink `lib -> usr/lib`, or a file.
   * What is missing on the way is made, what is no directory gives way.
   */
  #through(): void {
    const isWay = (path: string, { file, layer }: Standing): boolean =>
      layer < this.#layer && !this.#own.has(path) && ["symlink", "file"].includes(file.type);
    const ways = this.#tree.paths((standing, path) => isWay(path, standing));
    const way = oneOf(this.#random, ways, "");
    const landing = this.#tree.resolve(way);
    if (way === "" || landing === undefined || landing !== this.#lower.resolve(way)) return;
    const name = randomName(this.#random);
    const path = joined(landing, name);
    // Every symlink may stand on the way, and is one that the layer relies on.
    for (const each of this.#tree.paths(({ file }) => file.type === "symlink")) this.#rely(each);
    const made = [...ancestors(landing), landing].filter((each) => !this.#isDirectory(each));
    const { impliedOverFile, impliedOverDanglingLink } = this.#moot;
    const replaces = made.some((each) => this.#tree.at(each) !== undefined);
    // What a symlink leads to is no directory: everybody refuses that.
    if (replaces && !(impliedOverFile && landing === way)) return;
    if (made.length > 0 && !replaces && !impliedOverDanglingLink) return;
    const hides = made.length === 0 && this.#random.below(4) === 0;
    const entry = this.#entry(path);
    if (!made.every((each) => this.#free(each, "file"))) return;
    if (!this.#free(path, hides ? "whiteout" : entry.type)) return;
    for (const each of made) this.#put(each, unspoken(each), undefined);
    if (hides) this.#hide(path);
    else this.#put(path, entry, undefined);
    this.#landed.add(path);
    this.#rely(way);
    this.#files.push(
      hides ? mark(whiteoutOf(joined(way, name))) : { ...entry, path: joined(way, name) },
    );
  }

  #entry(path: string): TarFile {
    return randomEntry(this.#random, path, this.#moot.emptyXattrs);
  }

  /** What stands at a path from now on, and where the entry goes that says so, if one does. */
  #put(path: string, file: TarFile, files: TarFile[] | undefined): void {
    const before = this.#tree.at(path);
    const merged = file.type === "directory" && before?.file.type === "directory";
    if (!merged) this.#tree.remove(path);
    this.#tree.set(path, { file, layer: this.#layer });
    this.#own.add(path);
    this.#rely(parentOf(path));
    files?.push(file);
  }

  /** Whether this layer can still say something about a path. */
  #free(path: string, type: TarFile["type"] | "whiteout"): boolean {
    if (this.#own.has(path)) return false;
    if (type === "directory" && this.#isDirectory(path)) return true;
    const below = this.#tree.below(path);
    return ![path, ...below].some((each) => this.#own.has(each) || this.#relied.has(each));
  }

  #rely(path: string): void {
    for (const each of [...ancestors(path), path]) this.#relied.add(each);
  }

  #anyDirectory(): string {
    return this.#random.below(4) === 0 ? "" : oneOf(this.#random, this.#directories(), "");
  }

  #directories(): string[] {
    return this.#tree.paths(({ file }) => file.type === "directory");
  }

  #isDirectory(path: string): boolean {
    return path === "" || this.#tree.at(path)?.file.type === "directory";
  }
}

const OPAQUE = ".wh..wh..opq";

function whiteoutOf(path: string): string {
  return joined(parentOf(path), `.wh.${path.slice(path.lastIndexOf("/") + 1)}`);
}

/** A directory that only the paths below it speak of. */
function unspoken(path: string): TarFile {
  return { path, type: "directory" };
}

function mark(path: string): TarFile {
  return { path, type: "file", mode: 0o644 };
}
