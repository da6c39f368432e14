import { isUtf8 } from "node:buffer";
import type { NameFolding } from "../../disk/name-folding.ts";
import { parentOf } from "../../disk/tree/paths.ts";
import { LadingError } from "../../errors.ts";
import { type ByteString, isAscii, textOf } from "../../tar/byte-string.ts";

/**
 * The names of a layer where the file system takes `README` and `readme`, or two spellings of one
 * letter, for the same: the second would overwrite the first.
 */
export class FoldedNames {
  readonly #folding: NameFolding;
  readonly #names = new Map<string, ByteString>();

  constructor(folding: NameFolding) {
    this.#folding = folding;
  }

  /** A name that the layer has, and the directories it is in: one of them may be another's twin. */
  add(path: ByteString): void {
    this.#each(path, (key, name) => this.#names.set(key, name));
  }

  /** A name that the layer speaks of, and need not have. */
  check(path: ByteString): void {
    this.#each(path, () => {});
  }

  #each(path: ByteString, onNew: (key: string, path: ByteString) => void): void {
    for (let at = path; at !== ""; at = parentOf(at)) {
      const key = foldedName(at, this.#folding);
      const known = this.#names.get(key);
      // Then those that it is in have been looked at.
      if (known === at) return;
      if (known !== undefined) throw collision(known, at);
      onNew(key, at);
    }
  }
}

/** Code points that show nothing: ext4 and HFS+ pass over them (CVE-2014-9390). */
const IGNORED = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * The same for all names that may be one: canonical caseless matching (Unicode 3.13, D145), by way of
 * both cases since ß is SS and ς is Σ in upper case only, and ẞ is ß in lower case only. A dotless ı
 * counts as an i: file systems differ there.
 */
export function foldedName(path: ByteString, folding: NameFolding): string {
  if (folding === "none") return path;
  if (isAscii(path)) return folding === "case" ? path.toLowerCase() : path;
  if (!isUtf8(Buffer.from(path, "latin1"))) return folding === "case" ? path.toLowerCase() : path;
  const text = textOf(path).normalize("NFD");
  if (folding === "spelling") return text;
  const caseless = text.replace(IGNORED, "").toLowerCase().toUpperCase().toLowerCase();
  return caseless.normalize("NFD");
}

export function collision(one: ByteString, other: ByteString): LadingError {
  const names = `${JSON.stringify(textOf(one))} and ${JSON.stringify(textOf(other))}`;
  return new LadingError("unsupported", `${names} are one name on this file system`, {
    hint: "unpack to a file system that tells apart upper and lower case, and spellings of a letter",
  });
}
