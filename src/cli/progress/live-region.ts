/** The escape sequences that a live region needs (ECMA-48; DEC private mode 25 is the cursor). */
const ESC = "\u001b[";
const HIDE_CURSOR = `${ESC}?25l`;
const SHOW_CURSOR = `${ESC}?25h`;
const CLEAR_LINE_END = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;

export interface RegionScreen {
  write(text: string): void;
  columns(): number;
}

/** A line to draw: `width` cells wide, `text` with its colours. */
export interface RegionLine {
  readonly text: string;
  readonly width: number;
}

/**
 * A few lines at the bottom that are drawn again and again. Each frame is one write that overwrites the
 * one before, line by line, so that nothing flickers; what is written above scrolls as usual.
 */
export class LiveRegion {
  readonly #screen: RegionScreen;
  /** Of the lines that are on the screen. */
  #widths: readonly number[] = [];
  #lastFrame = "";
  #hidden = false;

  constructor(screen: RegionScreen) {
    this.#screen = screen;
  }

  draw(lines: readonly RegionLine[]): void {
    const body = lines.map(({ text }) => `${text}${CLEAR_LINE_END}\n`).join("");
    const frame = `${this.#screen.columns()} ${body}`;
    if (frame === this.#lastFrame) return;
    const hide = this.#hidden ? "" : HIDE_CURSOR;
    this.#hidden = true;
    this.#screen.write(`${hide}${this.#toTop()}${body}${CLEAR_BELOW}`);
    this.#widths = lines.map(({ width }) => width);
    this.#lastFrame = frame;
  }

  /** Writes lines that stay; the region moves below them with the next frame. */
  above(text: string): void {
    this.#screen.write(`${this.#toTop()}${CLEAR_BELOW}${text}`);
    this.#forget();
  }

  /** Leaves the screen as if nothing had been drawn, with its cursor. */
  clear(): void {
    if (!this.#hidden) return;
    this.#screen.write(`${this.#toTop()}${CLEAR_BELOW}${SHOW_CURSOR}`);
    this.#hidden = false;
    this.#forget();
  }

  #forget(): void {
    this.#widths = [];
    this.#lastFrame = "";
  }

  /** Terminals fold lines that a smaller window can't hold, so a line may stand on several rows by now. */
  #toTop(): string {
    const columns = Math.max(1, this.#screen.columns());
    const rows = this.#widths.reduce(
      (sum, width) => sum + Math.max(1, Math.ceil(width / columns)),
      0,
    );
    return rows === 0 ? "" : `${ESC}${rows}A\r`;
  }
}
