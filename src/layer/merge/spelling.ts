import { readdirSync } from "node:fs";
import type { NameFolding } from "../../disk/name-folding.ts";
import type { Directory } from "../../disk/tree/directory.ts";
import { nameOf, parentOf } from "../../disk/tree/paths.ts";
import type { Tree } from "../../disk/tree/tree.ts";
import { type ByteString, byteString } from "../../tar/byte-string.ts";
import { collision, foldedName } from "../apply/folded-names.ts";

const DOT = "." as ByteString;

/**
 * How the names of a directory are spelled, where the file system finds each by other spellings too:
 * asked for `readme` it shows `README`, which the image may mean by it or not.
 */
export class Spelling {
  readonly #folding: NameFolding;
  readonly #names = new Map<string, ByteString>();

  static of(directory: Directory, folding: NameFolding): Spelling | undefined {
    return folding === "none" ? undefined : new Spelling(namesIn(directory), folding);
  }

  /** Names that are one there can't be two here. */
  constructor(names: readonly ByteString[], folding: NameFolding) {
    this.#folding = folding;
    for (const name of names) {
      this.check(name);
      this.#names.set(foldedName(name, folding), name);
    }
  }

  /** A name that is to be there too, or is there already. */
  check(name: ByteString): void {
    const known = this.#names.get(foldedName(name, this.#folding));
    if (known !== undefined && known !== name) throw collision(known, name);
  }

  /** Of another case it is another name; by another spelling HFS+ may have written down the same one. */
  has(name: ByteString): boolean {
    const known = this.#names.get(foldedName(name, this.#folding));
    if (known === undefined || known === name) return known !== undefined;
    if (foldedName(known, "spelling") === foldedName(name, "spelling")) {
      throw collision(known, name);
    }
    return false;
  }
}

/** The same for paths of a tree that does not change meanwhile. */
export class TreeSpelling {
  readonly #tree: Tree;
  readonly #folding: NameFolding;
  readonly #directories = new Map<ByteString, Spelling | undefined>();

  constructor(tree: Tree, folding: NameFolding) {
    this.#tree = tree;
    this.#folding = folding;
  }

  /** A path that has been found, without links on the way: it, and all that it is in. */
  check(path: ByteString): void {
    if (this.#folding === "none") return;
    for (let at = path; at !== ""; at = parentOf(at)) this.#of(parentOf(at))?.check(nameOf(at));
  }

  #of(path: ByteString): Spelling | undefined {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const spelling = Spelling.of(this.#tree.directory(path), this.#folding);
    this.#directories.set(path, spelling);
    return spelling;
  }
}

export function namesIn(directory: Directory): readonly ByteString[] {
  return readdirSync(directory.at(DOT), { encoding: "buffer" }).map((name) => byteString(name));
}
