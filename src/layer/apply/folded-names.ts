import { LadingError } from "../../errors.ts";
import { type ByteString, textOf } from "../../tar/byte-string.ts";

/**
 * The names of a layer where the file system takes `README` and `readme`, or two spellings of one
 * letter, for the same: the second would overwrite the first.
 */
export class FoldedNames {
  readonly #names = new Map<string, ByteString>();

  add(path: ByteString): void {
    const key = foldedName(path);
    const known = this.#names.get(key);
    if (known === undefined) this.#names.set(key, path);
    else if (known !== path) throw collision(known, path);
  }
}

export function foldedName(path: ByteString): string {
  return textOf(path).normalize("NFC").toLowerCase();
}

export function collision(one: ByteString, other: ByteString): LadingError {
  const names = `${JSON.stringify(textOf(one))} and ${JSON.stringify(textOf(other))}`;
  return new LadingError("unsupported", `${names} are one name on this file system`, {
    hint: "unpack to a file system that tells upper and lower case apart",
  });
}
