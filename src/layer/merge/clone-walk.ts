import {
  closeSync,
  constants,
  copyFileSync,
  type Dirent,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  symlinkSync,
} from "node:fs";
import type { Kernel, NodeKind, Path } from "../../disk/kernel/kernel.ts";
import type { Directory } from "../../disk/tree/directory.ts";
import { disinherit } from "../../disk/tree/disinherit.ts";
import { hardLink } from "../../disk/tree/hard-link.ts";
import { readMetadata, readXattrs, writeMetadata } from "../../disk/tree/metadata.ts";
import { setMode } from "../../disk/tree/mode.ts";
import { setTimes } from "../../disk/tree/times.ts";
import { joined, nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import { type ByteString, byteString } from "../../tar/byte-string.ts";
import { Budget } from "../apply/budget.ts";
import { FileContent } from "../apply/file-content.ts";
import { unpackLimits } from "../limits.ts";
import type { CloneLink } from "../worker/protocol.ts";

export interface CloneOptions {
  readonly source: Tree;
  readonly target: Tree;
  readonly kernel: Kernel | undefined;
  readonly link: CloneLink;
  readonly wanted: () => void;
}

const DOT = "." as ByteString;
const OVERLAY = /^(?:trusted|user)\.overlay\./;
const SLICE = 256 * 1024;
/** How many directories of a path are held open, of either side. */
const DEEPEST = 64;

/** Copies a tree with all that a layer can say about it; overlayfs' own marks stay behind. */
export class CloneWalk {
  readonly #options: CloneOptions;
  /** Where the first name of a file with several went, by its inode. */
  readonly #linked = new Map<number, ByteString>();
  readonly #content = new FileContent(new Budget(unpackLimits));
  /** Directories whose content comes when those that are held open are done. */
  readonly #deep: ByteString[] = [];
  readonly #buffer = Buffer.allocUnsafe(SLICE);

  constructor(options: CloneOptions) {
    this.#options = options;
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
    const { source, target, kernel, wanted } = this.#options;
    wanted();
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
    const kept = [...xattrs].filter(([name]) => !OVERLAY.test(name));
    writeMetadata(to, { stat, xattrs: new Map(kept) }, kernel);
  }

  #cloneOther(from: Directory, to: Directory, name: ByteString): void {
    const [path, copy] = [from.at(name), to.at(name)];
    const stat = lstatSync(path);
    if (stat.isCharacterDevice() && stat.rdev === 0) return;
    if (this.#options.link === "hardlink") {
      hardLink(path, copy);
      return;
    }
    if (stat.nlink > 1 && this.#linkToFirst(stat, to, name)) return;
    if (stat.isFile()) this.#copyFile(path, copy, stat);
    else if (stat.isSymbolicLink()) symlinkSync(readlinkSync(path, { encoding: "buffer" }), copy);
    else this.#options.kernel?.makeNode(copy, kindOf(stat), deviceOf(stat.rdev));
    this.#copyAttributes(path, copy, stat);
  }

  #linkToFirst(stat: Stats, to: Directory, name: ByteString): boolean {
    const first = this.#linked.get(stat.ino);
    this.#linked.set(stat.ino, first ?? joined(to.path, name));
    if (first === undefined) return false;
    const parent = this.#options.target.directory(parentOf(first));
    hardLink(parent.at(nameOf(first)), to.at(name));
    return true;
  }

  #copyFile(path: Path, copy: Path, stat: Stats): void {
    // Node's copy would fill the holes.
    if (stat.blocks * 512 < stat.size && this.#options.link !== "reflink") {
      this.#copySparse(path, copy, stat.size);
      return;
    }
    const mode =
      this.#options.link === "reflink"
        ? constants.COPYFILE_FICLONE_FORCE
        : constants.COPYFILE_FICLONE;
    const share = this.#options.link === "copy" ? 0 : mode;
    copyFileSync(path, copy, constants.COPYFILE_EXCL | share);
  }

  #copySparse(path: Path, copy: Path, size: number): void {
    const { kernel, wanted } = this.#options;
    const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const source = openSync(path, O_RDONLY | O_NOFOLLOW);
    const target = openSync(copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      this.#content.begin(target);
      for (let at = 0; at < size; ) {
        // A hole may be larger than anyone could read.
        const next = kernel === undefined ? at : kernel.nextContent(source, at);
        if (next === undefined) break;
        at = next;
        wanted();
        const got = readSync(source, this.#buffer, 0, SLICE, at);
        if (got === 0) break;
        this.#content.write(this.#buffer.subarray(0, got), at);
        at += got;
      }
      this.#content.finish(size);
    } finally {
      closeSync(source);
      closeSync(target);
    }
  }

  #copyAttributes(path: Path, copy: Path, { uid, gid, mode }: Stats): void {
    const { kernel } = this.#options;
    const { mtimeNs } = lstatSync(path, { bigint: true });
    lchownSync(copy, uid, gid);
    const kept = [...readXattrs(path, kernel)].filter(([name]) => !OVERLAY.test(name));
    // The mode comes last, for it may forbid the rest; a copy has it at once.
    if (kept.length > 0 && (mode & constants.S_IFMT) === constants.S_IFREG) setMode(copy, 0o600);
    for (const [name, value] of kept) kernel?.setXattr(copy, name, value);
    setTimes(copy, mtimeNs, kernel);
    if (lstatSync(copy).mode !== mode) setMode(copy, mode & 0o7777);
  }
}

function children(directory: Directory): readonly Dirent<Buffer>[] {
  return readdirSync(directory.at(DOT), { encoding: "buffer", withFileTypes: true });
}

function kindOf(stat: Stats): NodeKind {
  if (stat.isFIFO()) return "fifo";
  return stat.isBlockDevice() ? "block-device" : "character-device";
}

/** glibc's layout of dev_t, as stat(2) gives it. */
function deviceOf(rdev: number): { readonly major: number; readonly minor: number } {
  const number = BigInt(rdev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & ~0xffn);
  return { major: Number(major), minor: Number(minor & 0xffffffffn) };
}
