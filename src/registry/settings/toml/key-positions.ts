export type KeyPath = readonly (string | number)[];

export interface Position {
  /** From 1, as editors count. */
  readonly line: number;
  readonly column: number;
}

/**
 * Where each key of a TOML document stands; the parser keeps no positions. The text must have been parsed
 * before: of what is no TOML nothing useful is said. Asked only once something is wrong with a key.
 */
export function keyPositions(text: string): (path: KeyPath) => Position | undefined {
  const offsets = new Scanner(text).scan();
  const starts = lineStarts(text);
  return (path) => {
    for (let length = path.length; length > 0; length -= 1) {
      const offset = offsets.get(idOf(path.slice(0, length)));
      if (offset !== undefined) return positionAt(starts, offset);
    }
    return undefined;
  };
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) {
    starts.push(end + 1);
  }
  return starts;
}

/** By halving: a file may have a problem in each of its lines. */
function positionAt(starts: readonly number[], offset: number): Position {
  let line = 0;
  let after = starts.length;
  while (after - line > 1) {
    const middle = (line + after) >> 1;
    if ((starts[middle] ?? 0) <= offset) line = middle;
    else after = middle;
  }
  return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 };
}

const idOf = (path: KeyPath): string => JSON.stringify(path);

interface Key {
  readonly part: string;
  readonly at: number;
}

class Scanner {
  readonly #text: string;
  readonly #offsets = new Map<string, number>();
  /** How many elements each array of tables has so far. */
  readonly #counts = new Map<string, number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): ReadonlyMap<string, number> {
    let table: KeyPath = [];
    for (this.#skip(SPACE_OR_COMMENT); this.#at < this.#text.length; this.#skip(SPACE_OR_COMMENT)) {
      const before = this.#at;
      if (this.#take("[[")) table = this.#arrayHeader();
      else if (this.#take("[")) table = this.#record([], this.#keys());
      else this.#pair(table);
      this.#skip(/\]*/y);
      if (this.#at === before) this.#at += 1;
    }
    return this.#offsets;
  }

  #arrayHeader(): KeyPath {
    const keys = this.#keys();
    const last = keys.at(-1);
    const path = [...this.#record([], keys.slice(0, -1)), last?.part ?? ""];
    const index = this.#counts.get(idOf(path)) ?? 0;
    this.#counts.set(idOf(path), index + 1);
    this.#note(path, last?.at ?? 0);
    this.#note([...path, index], last?.at ?? 0);
    return [...path, index];
  }

  #pair(table: KeyPath): void {
    const path = this.#record(table, this.#keys());
    this.#skip(/[ \t]*=[ \t]*/y);
    this.#value(path);
  }

  /** Notes each part of a dotted key; within an array of tables its last element is meant. */
  #record(table: KeyPath, keys: readonly Key[]): KeyPath {
    let path = table;
    for (const { part, at } of keys) {
      path = [...path, part];
      this.#note(path, at);
      const count = this.#counts.get(idOf(path));
      if (count !== undefined) path = [...path, count - 1];
    }
    return path;
  }

  /** The first place counts, so that a table's own header does not hide where it began. */
  #note(path: KeyPath, at: number): void {
    const id = idOf(path);
    if (!this.#offsets.has(id)) this.#offsets.set(id, at);
  }

  #keys(): readonly Key[] {
    const keys: Key[] = [];
    do {
      this.#skip(/[ \t]*/y);
      const at = this.#at;
      keys.push({ part: this.#string() ?? this.#skip(/[A-Za-z0-9_-]+/y), at });
      this.#skip(/[ \t]*/y);
    } while (this.#take("."));
    return keys;
  }

  #value(path: KeyPath): void {
    if (this.#string() !== undefined) return;
    if (this.#take("[")) {
      let before = -1;
      for (let index = 0; !this.#ends("]", before); index += 1) {
        before = this.#at;
        this.#note([...path, index], this.#at);
        this.#value([...path, index]);
      }
    } else if (this.#take("{")) {
      for (let before = -1; !this.#ends("}", before); ) {
        before = this.#at;
        this.#pair(path);
      }
    } else this.#skip(/[^,\]}\n#]*/y);
  }

  /** Goes on by a character at least, so that it ends whatever the text. */
  #ends(bracket: string, before: number): boolean {
    this.#skip(BETWEEN_ELEMENTS);
    if (this.#take(bracket) || this.#at >= this.#text.length) return true;
    if (this.#at === before) this.#at += 1;
    return false;
  }

  /** The text of a quoted string, with the escapes that keys may have. */
  #string(): string | undefined {
    const quoted = this.#skip(STRING);
    if (quoted === "") return undefined;
    const inner = /^("""|'''|"|')(.*)\1$/s.exec(quoted);
    const [, quote = "", body = ""] = inner ?? [];
    return quote.startsWith("'") ? body : body.replace(ESCAPE, unescaped);
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ""] = pattern.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }
}

const SPACE_OR_COMMENT = /(?:[\s\ufeff]|#[^\n]*)*/y;
const BETWEEN_ELEMENTS = /(?:[\s,]|#[^\n]*)*/y;
const STRING =
  /"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}|'''(?:[^']|'{1,2}(?!'))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y;

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))/g;

function unescaped(whole: string, ...groups: readonly (string | undefined)[]): string {
  const [four, eight, two, letter] = groups;
  const hex = four ?? eight ?? two;
  if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
  return LETTERS[letter ?? ""] ?? letter ?? whole;
}

const LETTERS: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  e: "\u001b",
};
