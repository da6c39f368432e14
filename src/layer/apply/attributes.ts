import { fchmodSync, fchownSync, lchownSync } from "node:fs";
import { errno } from "../../disk/disk-error.ts";
import type { Kernel, Path } from "../../disk/kernel/kernel.ts";
import { setMode } from "../../disk/tree/mode.ts";
import { setTimes } from "../../disk/tree/times.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import type { ReadEntry } from "../../tar/read-entry.ts";
import type { LayerForm } from "../form.ts";
import type { Losses } from "./losses.ts";
import { type DiskOwner, diskOwner } from "./owner.ts";
import { namespaceOf, xattrVerdict } from "./xattrs.ts";

/** What an entry says about a thing, apart from what it is. */
export type Attributes = Pick<
  ReadEntry,
  "type" | "mode" | "uid" | "gid" | "mtimeNs" | "xattrs" | "device"
>;

/** Gives things their owners, modes, attributes and times, in the order in which each stays. */
export class AttributeWriter {
  readonly #form: LayerForm;
  readonly #kernel: Kernel | undefined;
  readonly #losses: Losses;
  readonly #self = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

  constructor(form: LayerForm, kernel: Kernel | undefined, losses: Losses) {
    this.#form = form;
    this.#kernel = kernel;
    this.#losses = losses;
  }

  /** To a file or directory that is open; `path` is the same thing's, its last part not followed. */
  toOpen(fd: number, path: Path, entry: Attributes): void {
    const owner = diskOwner(entry, this.#form);
    // What we made is ours already.
    if (owner.ids !== undefined && !this.#isOwn(owner.ids)) {
      fchownSync(fd, owner.ids.uid, owner.ids.gid);
    }
    // Before the mode, which may forbid it; after the owner, with whom file capabilities go.
    this.#setXattrs(path, entry, owner);
    fchmodSync(fd, owner.mode);
    this.#setTimes(fd, entry.mtimeNs);
  }

  /** To a symbolic link, which has no mode and can't be opened. */
  toLink(path: Path, entry: Attributes): void {
    const { ids, note } = diskOwner(entry, this.#form);
    if (ids !== undefined) lchownSync(path, ids.uid, ids.gid);
    if (note !== undefined) this.#losses.add("owner of a symbolic link");
    this.#setXattrs(path, entry, { note: undefined });
    this.#setTimes(path, entry.mtimeNs);
  }

  /** To a device or FIFO, which must not be opened: that would do something. */
  toNode(path: Path, entry: Attributes): void {
    const { ids, mode, note } = diskOwner(entry, this.#form);
    if (ids !== undefined) lchownSync(path, ids.uid, ids.gid);
    if (note !== undefined) this.#losses.add("owner of a FIFO");
    setMode(path, mode);
    this.#setXattrs(path, entry, { note: undefined });
    this.#setTimes(path, entry.mtimeNs);
  }

  #isOwn({ uid, gid }: { readonly uid: number; readonly gid: number }): boolean {
    return uid === this.#self.uid && gid === this.#self.gid;
  }

  #setXattrs(path: Path, { xattrs }: Attributes, { note }: Pick<DiskOwner, "note">): void {
    for (const [name, value] of xattrs) {
      const verdict = xattrVerdict(name, this.#form.xattrs);
      if (verdict === "keep") this.#setXattr(path, name, value);
      else if (verdict.drop !== "") this.#losses.add(verdict.drop);
    }
    if (note !== undefined) this.#setXattr(path, note.name, note.value);
  }

  /** What the file system or our rights refuse is listed, never passed over in silence. */
  #setXattr(path: Path, name: ByteString, value: Uint8Array): void {
    const lost =
      name === "security.capability" ? "file capability" : `attribute ${namespaceOf(name)}`;
    if (this.#kernel === undefined) {
      this.#losses.add(lost);
      return;
    }
    try {
      this.#kernel.setXattr(path, name, value);
    } catch (error) {
      if (!REFUSED.has(errno(error) ?? "")) throw error;
      this.#losses.add(lost);
    }
  }

  #setTimes(file: Path | number, ns: bigint): void {
    if (!setTimes(file, ns, this.#kernel)) this.#losses.add("time finer than a microsecond");
  }
}

/** By a file system without attributes, for want of rights, or because no attribute can be so. */
const REFUSED = new Set(["ENOTSUP", "EOPNOTSUPP", "EPERM", "EACCES", "EINVAL", "ERANGE", "E2BIG"]);
