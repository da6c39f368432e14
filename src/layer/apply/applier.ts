import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  type Stats,
  symlinkSync,
} from "node:fs";
import { errno } from "../../disk/disk-error.ts";
import type { Kernel, NodeKind, Path } from "../../disk/kernel/kernel.ts";
import type { Directory } from "../../disk/tree/directory.ts";
import { disinherit } from "../../disk/tree/disinherit.ts";
import { hardLink } from "../../disk/tree/hard-link.ts";
import { joined, nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import { LadingError } from "../../errors.ts";
import { type ByteString, pathOf } from "../../tar/byte-string.ts";
import type { ReadEntry } from "../../tar/read-entry.ts";
import type { TarHandler } from "../../tar/reader.ts";
import { checkPath, entryPath, shown } from "../entry-path.ts";
import type { LayerForm } from "../form.ts";
import type { UnpackLimits } from "../limits.ts";
import type { LayerMarks } from "../marks.ts";
import type { LayerSummary } from "../record.ts";
import { AttributeWriter } from "./attributes.ts";
import { Budget } from "./budget.ts";
import { Directories } from "./directories.ts";
import { FileContent } from "./file-content.ts";
import type { FoldedNames } from "./folded-names.ts";
import { Losses } from "./losses.ts";
import { LayerNotes } from "./notes.ts";
import { writeOverlayNodes } from "./overlay-nodes.ts";
import { meaningOf } from "./whiteouts.ts";

export interface ApplyOptions {
  readonly form: LayerForm;
  readonly limits: UnpackLimits;
  readonly kernel: Kernel | undefined;
  /** Whether whiteouts are to stand in the tree as overlayfs wants them. */
  readonly overlayNodes: boolean;
  /** Where the file system takes two names for one. */
  readonly folded: FoldedNames | undefined;
  /** Every file and directory is on the disk itself before the layer is whole. */
  readonly sync: boolean;
  /** What all layers of the image have written, where they share a limit. */
  readonly written?: SharedArrayBuffer | undefined;
}

/** What an applied layer came to; who asked for it knows the rest of its record. */
export type AppliedLayer = LayerMarks &
  Pick<LayerSummary, "entries" | "bytes" | "overlayNodes" | "lost">;

/**
 * Writes one layer, as its tar is read, into an empty tree of its own. What concerns the layers below
 * (whiteouts, opaque marks, links to their files, parents that only they describe) becomes data.
 */
export class LayerApplier implements TarHandler {
  readonly #tree: Tree;
  readonly #options: ApplyOptions;
  readonly #budget: Budget;
  readonly #losses = new Losses();
  readonly #directories: Directories;
  readonly #notes: LayerNotes;
  readonly #attributes: AttributeWriter;
  readonly #content: FileContent;
  readonly #onImplied = (path: ByteString): void => {
    checkPath(path, this.#options.limits);
    this.#options.folded?.add(path);
    this.#directories.imply(path);
  };
  #entries = 0;
  #ended = false;
  /** The file whose content comes. */
  #file: { readonly fd: number; readonly entry: ReadEntry; readonly path: ByteString } | undefined;

  constructor(tree: Tree, options: ApplyOptions) {
    this.#tree = tree;
    this.#options = options;
    this.#budget = new Budget(options.limits, options.written);
    this.#attributes = new AttributeWriter(options.form, options.kernel, this.#losses);
    this.#content = new FileContent(this.#budget);
    this.#notes = new LayerNotes(this.#budget);
    this.#directories = new Directories(this.#budget);
  }

  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#budget.written;
  }

  entry(entry: ReadEntry): void {
    if (this.#entries === 0) disinherit(this.#tree.root, this.#options.kernel);
    this.#entries += 1;
    this.#budget.entry(entry);
    const path = entryPath(entry.path, this.#options.limits);
    if (path === "") {
      this.#root(entry);
      return;
    }
    const name = nameOf(path);
    const meaning = meaningOf(path, name);
    if (meaning.kind === "aufs") {
      this.#losses.add("file of AUFS");
      return;
    }
    const parent = this.#tree.directory(parentOf(path), this.#onImplied).path;
    // It may have been found by another name than its own.
    this.#options.folded?.add(parent);
    if (meaning.kind === "opaque") this.#notes.opaque(parent);
    else if (meaning.kind === "whiteout") this.#notes.whiteout(parent, meaning.name);
    else this.#make(parent, name, entry);
  }

  data(bytes: Uint8Array, position: number): void {
    if (this.#file !== undefined) this.#content.write(bytes, position);
  }

  finish(): void {
    if (this.#file === undefined) return;
    const { fd, entry, path } = this.#file;
    this.#file = undefined;
    try {
      this.#content.finish(entry.size);
      this.#attributes.toOpen(fd, this.#at(path), entry);
      if (this.#options.sync) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Closes what an archive that broke off left open; what it wrote is about to go. */
  close(): void {
    if (!this.#ended) this.#budget.giveBack();
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  /** All entries have come: what had to wait for the others. */
  end(): AppliedLayer {
    this.#ended = true;
    if (this.#entries === 0) disinherit(this.#tree.root, this.#options.kernel);
    const notes = this.#notes.all;
    const { overlayNodes, kernel, form } = this.#options;
    const nodes = overlayNodes && kernel !== undefined && form.opaque !== "none";
    if (nodes) for (const path of notes.whiteouts) this.#options.folded?.check(path);
    if (nodes) writeOverlayNodes(this.#tree, kernel, form.opaque, notes);
    const { implied } = this.#directories;
    this.#directories.finish(this.#tree, this.#attributes, this.#options.sync);
    return {
      entries: this.#entries,
      bytes: this.#budget.written,
      ...notes,
      implied,
      overlayNodes: nodes,
      lost: this.#losses.counts,
    };
  }

  /** A root that is no directory would put the whole image elsewhere (CVE-2021-29136). */
  #root(entry: ReadEntry): void {
    if (entry.type !== "directory") {
      throw new LadingError(
        "malformed",
        "the layer makes its root something other than a directory",
        {
          hint: "the layer is damaged or hostile; nothing of it was kept",
        },
      );
    }
    this.#directories.describe("" as ByteString, entry);
  }

  #make(parent: ByteString, name: ByteString, entry: ReadEntry): void {
    const path = joined(parent, name);
    // Links of this layer may have led to a place whose own name is longer.
    checkPath(path, this.#options.limits);
    this.#options.folded?.add(path);
    this.#notes.unlink(parent, name);
    switch (entry.type) {
      case "file":
        this.#makeFile(path, entry);
        break;
      case "directory":
        this.#makeDirectory(path, entry);
        break;
      case "symlink":
        this.#makeSymlink(path, entry);
        break;
      case "hardlink":
        this.#makeHardLink(path, entry);
        break;
      default:
        this.#makeNode(path, entry, entry.type);
    }
  }

  #makeFile(path: ByteString, entry: ReadEntry): void {
    const fd = this.#replacing(path, (at) => openSync(at, NEW_FILE, 0o600));
    this.#content.begin(fd);
    this.#file = { fd, entry, path };
  }

  /** Over a directory, it takes its attributes and leaves what is in it (layer.md, "Modifications"). */
  #makeDirectory(path: ByteString, entry: ReadEntry): void {
    const make = (at: Path): void => mkdirSync(at, 0o700);
    const at = this.#at(path);
    try {
      make(at);
    } catch (error) {
      if (errno(error) !== "EEXIST") throw error;
      if (!lstatSync(at).isDirectory()) this.#replacing(path, make);
    }
    this.#directories.describe(path, entry);
  }

  #makeSymlink(path: ByteString, entry: ReadEntry): void {
    if (entry.linkPath === "") {
      throw new LadingError("malformed", `the symbolic link ${shown(entry.path)} leads nowhere`);
    }
    const target = pathOf(entry.linkPath);
    this.#replacing(path, (at) => symlinkSync(target, at));
    this.#attributes.toLink(this.#at(path), entry);
  }

  /** To any other name of this layer but a directory's; whether the layers below have it, they say. */
  #makeHardLink(path: ByteString, entry: ReadEntry): void {
    const target = this.#physical(entryPath(entry.linkPath, this.#options.limits));
    if (target === path) return;
    this.#options.folded?.check(target);
    this.#remove(path);
    const found = this.#stat(target);
    if (found === undefined) {
      // A link to such a link is one to the same file.
      this.#notes.link(path, this.#notes.target(target) ?? target);
    } else if (found.isDirectory()) {
      throw new LadingError("malformed", `${shown(entry.path)} is a hard link to a directory`);
    } else hardLink(this.#at(target), this.#at(path));
  }

  /** Where a device may not be made, an empty file holds its place. */
  #makeNode(path: ByteString, entry: ReadEntry, kind: NodeKind): void {
    const { kernel, form } = this.#options;
    checkDevice(entry);
    if (isWhiteoutDevice(kind, entry)) {
      this.#losses.add("device 0:0, which is a whiteout to overlayfs");
      return;
    }
    if (kernel !== undefined && (kind === "fifo" || form.ownership === "preserve")) {
      try {
        this.#replacing(path, (at) => kernel.makeNode(at, kind, entry.device));
        this.#attributes.toNode(this.#at(path), entry);
        return;
      } catch (error) {
        // In a user namespace root is not allowed to either.
        if (errno(error) !== "EPERM") throw error;
      }
    }
    this.#losses.add(kind === "fifo" ? "FIFO" : "device node");
    this.#makeFile(path, { ...entry, size: 0, data: [] });
  }

  /** Makes something new; what is in its place goes first, and is never written through. */
  #replacing<T>(path: ByteString, make: (at: Path) => T): T {
    try {
      return make(this.#at(path));
    } catch (error) {
      if (errno(error) !== "EEXIST") throw error;
    }
    this.#remove(path);
    return make(this.#at(path));
  }

  #remove(path: ByteString): void {
    this.#tree.remove(this.#tree.directory(parentOf(path)), nameOf(path), (gone) => {
      this.#directories.forget(gone);
      this.#notes.forget(gone);
    });
  }

  /** Where a path is now. Asked for anew each time: what is removed may take directories with it. */
  #at(path: ByteString): Path {
    return this.#tree.directory(parentOf(path)).at(path === "" ? DOT : nameOf(path));
  }

  /** Without symbolic links among its parents, as far as this layer has them. */
  #physical(path: ByteString): ByteString {
    const parent = path === "" ? undefined : this.#parentOf(path);
    return parent === undefined ? path : joined(parent.path, nameOf(path));
  }

  #stat(path: ByteString): Stats | undefined {
    const parent = this.#parentOf(path);
    return (
      parent && lstatSync(parent.at(path === "" ? DOT : nameOf(path)), { throwIfNoEntry: false })
    );
  }

  #parentOf(path: ByteString): Directory | undefined {
    try {
      return this.#tree.directory(parentOf(path));
    } catch (error) {
      if (errno(error) === "ENOENT" || error instanceof LadingError) return undefined;
      throw error;
    }
  }
}

/** Made, it would hide what the layers below have, in one form of the image and not in the other. */
function isWhiteoutDevice(kind: NodeKind, { device }: ReadEntry): boolean {
  return kind === "character-device" && device.major === 0 && device.minor === 0;
}

/** Beyond these the numbers lose bits on their way to the disk, and may come out as 0:0. */
function checkDevice({ path, device: { major, minor } }: ReadEntry): void {
  if (major <= 0xfff && minor <= 0xfffff) return;
  throw new LadingError("malformed", `${shown(path)} is a device ${major}:${minor}: there is none`);
}

const DOT = "." as ByteString;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
