import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  lchownSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  symlinkSync,
} from "node:fs";
import { errno } from "../../disk/disk-error.ts";
import type { Kernel, NodeKind, Path } from "../../disk/kernel/kernel.ts";
import { readXattrs } from "../../disk/tree/metadata.ts";
import { setMode } from "../../disk/tree/mode.ts";
import { setTimes } from "../../disk/tree/times.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import { Budget } from "../apply/budget.ts";
import { FileContent } from "../apply/file-content.ts";
import { unpackLimits } from "../limits.ts";
import type { CloneLink } from "../worker/protocol.ts";

export interface LeafCopierOptions {
  readonly kernel: Kernel | undefined;
  readonly link: Exclude<CloneLink, "hardlink">;
  readonly wanted: () => void;
}

const OVERLAY = /^(?:trusted|user)\.overlay\./;
const SLICE = 256 * 1024;

/** Overlayfs' own marks, which no copy takes along. */
export function isOverlayMark(name: ByteString): boolean {
  return OVERLAY.test(name);
}

/** Copies what is no directory, with all that a layer can say about it. */
export class LeafCopier {
  readonly #options: LeafCopierOptions;
  readonly #content = new FileContent(new Budget(unpackLimits));
  readonly #buffer = Buffer.allocUnsafe(SLICE);

  constructor(options: LeafCopierOptions) {
    this.#options = options;
  }

  copy(path: Path, copy: Path, stat: Stats): void {
    if (stat.isFile()) readable(path, stat, () => this.#copyFile(path, copy, stat));
    else if (stat.isSymbolicLink()) symlinkSync(readlinkSync(path, { encoding: "buffer" }), copy);
    else this.#options.kernel?.makeNode(copy, kindOf(stat), deviceOf(stat.rdev));
    this.#copyAttributes(path, copy, stat);
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
    const kept = [...readXattrs(path, kernel)].filter(([name]) => !isOverlayMark(name));
    // The mode comes last, for it may forbid the rest; a copy has it at once.
    if (kept.length > 0 && (mode & constants.S_IFMT) === constants.S_IFREG) setMode(copy, 0o600);
    for (const [name, value] of kept) kernel?.setXattr(copy, name, value);
    setTimes(copy, mtimeNs, kernel);
    if (lstatSync(copy).mode !== mode) setMode(copy, mode & 0o7777);
  }
}

/** Its owner may have taken the right to read it from himself (Fedora's shadow has mode 0). */
function readable(path: Path, { mode }: Stats, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (errno(error) !== "EACCES" || (mode & 0o400) !== 0) throw error;
    chmodSync(path, (mode & 0o7777) | 0o400);
    try {
      work();
    } finally {
      chmodSync(path, mode & 0o7777);
    }
  }
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
