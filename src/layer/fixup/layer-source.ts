import { lstatSync, readdirSync, readlinkSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { Kernel, Path } from "../../disk/kernel/kernel.ts";
import { type DirectoryMetadata, readXattrs } from "../../disk/tree/metadata.ts";
import { openTree } from "../../disk/tree/open-tree.ts";
import { joined, nameOf, parentOf, type Tree } from "../../disk/tree/tree.ts";
import { type ByteString, byteString } from "../../tar/byte-string.ts";
import type { LayerRecord } from "../record.ts";

/** What stands under a name in an unpacked layer. A whiteout is overlayfs' node for one. */
export type ChildKind = "directory" | "symlink" | "other" | "whiteout";

const DOT = "." as ByteString;

/** One unpacked layer, looked into no further than somebody asks. */
export class LayerSource implements Disposable {
  /** 0 is the bottom. */
  readonly position: number;
  readonly record: LayerRecord;
  readonly implied: ReadonlySet<ByteString>;
  readonly opaques: ReadonlySet<ByteString>;
  readonly whiteouts: ReadonlySet<ByteString>;
  /** Directories below which a hard link to a lower layer's file belongs. */
  readonly linkParents: ReadonlySet<ByteString>;
  /** Names that go, by their directory. */
  readonly hidden: ReadonlyMap<ByteString, readonly ByteString[]>;
  readonly #kernel: Kernel | undefined;
  readonly #tree: Tree;
  readonly #listed = new Map<ByteString, ReadonlyMap<ByteString, ChildKind>>();

  constructor(folder: string, position: number, record: LayerRecord, kernel: Kernel | undefined) {
    this.position = position;
    this.record = record;
    const { implied, opaques, whiteouts, links } = record.marks;
    this.implied = new Set(implied);
    this.opaques = new Set(opaques);
    this.whiteouts = new Set(whiteouts);
    this.hidden = byParent(whiteouts);
    this.linkParents = ancestors(links.map(({ path }) => path));
    this.#kernel = kernel;
    this.#tree = openTree(join(folder, "rootfs"), kernel);
  }

  children(path: ByteString): ReadonlyMap<ByteString, ChildKind> {
    const known = this.#listed.get(path);
    if (known !== undefined) return known;
    const directory = this.#tree.directory(path);
    const children = new Map<ByteString, ChildKind>();
    const found = readdirSync(directory.at(DOT), { encoding: "buffer", withFileTypes: true });
    for (const child of found) {
      const name = byteString(child.name);
      if (child.isDirectory()) children.set(name, "directory");
      else if (child.isSymbolicLink()) children.set(name, "symlink");
      else if (child.isCharacterDevice() && lstatSync(directory.at(name)).rdev === 0) {
        children.set(name, "whiteout");
      } else children.set(name, "other");
    }
    this.#listed.set(path, children);
    return children;
  }

  /** Whether overlayfs shows nothing from below in that directory. */
  hides(directory: ByteString): boolean {
    return this.opaques.has(directory) || this.whiteouts.has(directory);
  }

  /** Where a thing is; good until the next call but one. */
  at(path: ByteString): Path {
    return this.#tree.directory(parentOf(path)).at(path === "" ? DOT : nameOf(path));
  }

  /** Of a directory. */
  metadata(path: ByteString): DirectoryMetadata {
    const directory = this.#tree.directory(path);
    return {
      stat: statSync(directory.self, { bigint: true }),
      xattrs: readXattrs(directory.at(DOT), this.#kernel),
    };
  }

  stat(path: ByteString): Stats {
    return lstatSync(this.at(path));
  }

  readLink(path: ByteString): ByteString {
    return byteString(readlinkSync(this.at(path), { encoding: "buffer" }));
  }

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }
}

/** A thing in a layer. */
export interface Place {
  readonly layer: LayerSource;
  readonly path: ByteString;
}

export function isSamePlace(a: Place, b: Place): boolean {
  return a.layer === b.layer && a.path === b.path;
}

export function childPlace({ layer, path }: Place, name: ByteString): Place {
  return { layer, path: joined(path, name) };
}

function ancestors(paths: readonly ByteString[]): Set<ByteString> {
  const all = new Set<ByteString>();
  for (const path of paths) {
    let directory = path;
    do {
      directory = parentOf(directory);
      if (all.has(directory)) break;
      all.add(directory);
    } while (directory !== "");
  }
  return all;
}

function byParent(paths: readonly ByteString[]): Map<ByteString, ByteString[]> {
  const grouped = new Map<ByteString, ByteString[]>();
  for (const path of paths) {
    const names = grouped.get(parentOf(path));
    if (names === undefined) grouped.set(parentOf(path), [nameOf(path)]);
    else names.push(nameOf(path));
  }
  return grouped;
}
