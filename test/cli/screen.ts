import type { Screen } from "../../src/cli/progress/progress.ts";

/** A terminal in memory: enough of ECMA-48 for what a live region writes, to see what a person sees. */
export class TestScreen implements Screen {
  readonly color = false;
  readonly unicode = true;
  readonly writes: string[] = [];
  cursorHidden = false;
  #columns: number;
  #rows: number;
  #lines: string[] = [""];
  #row = 0;
  #column = 0;

  constructor(columns = 80, rows = 24) {
    this.#columns = columns;
    this.#rows = rows;
  }

  columns(): number {
    return this.#columns;
  }

  rows(): number {
    return this.#rows;
  }

  /** What is to be seen, without the empty lines at the end. */
  get text(): string {
    return this.#lines.join("\n").trimEnd();
  }

  /** Folds lines that no longer fit, as terminals do. */
  resize(columns: number, rows: number): void {
    const folded: string[] = [];
    let row = 0;
    this.#lines.forEach((line, index) => {
      if (index === this.#row) row = folded.length;
      for (let at = 0; at === 0 || at < line.length; at += columns) {
        folded.push(line.slice(at, at + columns));
      }
    });
    this.#lines = folded;
    this.#row = row;
    this.#columns = columns;
    this.#rows = rows;
  }

  write(text: string): void {
    this.writes.push(text);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is read
    for (const [token] of text.matchAll(/\u001b\[[?0-9;]*[A-Za-z]|[\r\n]|[^\u001b\r\n]/gu)) {
      this.#apply(token);
    }
  }

  #apply(token: string): void {
    if (token === "\r") this.#column = 0;
    else if (token === "\n") {
      this.#row += 1;
      this.#column = 0;
      if (this.#row === this.#lines.length) this.#lines.push("");
    } else if (token.startsWith("\u001b[")) this.#control(token.slice(2));
    else this.#put(token);
  }

  #control(sequence: string): void {
    if (sequence.endsWith("A")) this.#row = Math.max(0, this.#row - Number.parseInt(sequence, 10));
    else if (sequence === "K") this.#setLine(this.#line.slice(0, this.#column));
    else if (sequence === "J") {
      this.#setLine(this.#line.slice(0, this.#column));
      this.#lines.length = this.#row + 1;
    } else if (sequence === "?25l") this.cursorHidden = true;
    else if (sequence === "?25h") this.cursorHidden = false;
    else throw new Error(`the screen does not know ${sequence}`);
  }

  #put(character: string): void {
    if (this.#column >= this.#columns) throw new Error("a line is wider than the window");
    const before = this.#line.slice(0, this.#column).padEnd(this.#column);
    this.#setLine(before + character + this.#line.slice(this.#column + 1));
    this.#column += 1;
  }

  get #line(): string {
    return this.#lines[this.#row] ?? "";
  }

  #setLine(text: string): void {
    this.#lines[this.#row] = text;
  }
}
