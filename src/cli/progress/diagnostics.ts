import type { Writable } from "node:stream";
import { systemClock } from "../../clock.ts";
import type { EventListener, LadingEvent } from "../../content/events.ts";
import type { LadingError } from "../../errors.ts";
import type { ProgressKind, Settings } from "../options.ts";
import { writeJsonLine } from "./json.ts";
import type { Progress, ProgressOptions, Screen, Subject } from "./progress.ts";

export type TerminalStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** Standard error: progress, warnings, and the one error at the end, in the form that was asked for. */
export class Diagnostics {
  readonly #screen: Screen;
  readonly #settings: Settings;
  readonly #kind: Exclude<ProgressKind, "auto">;
  #progress: Progress | undefined;

  constructor(stream: TerminalStream, environment: Environment, settings: Settings) {
    this.#screen = screenOf(stream, environment);
    this.#settings = settings;
    const drawable = stream.isTTY === true && environment.TERM !== "dumb";
    const { progress } = settings;
    this.#kind = progress === "auto" ? (drawable ? "tty" : "plain") : progress;
  }

  /** Shows what happens from here on. */
  async watch(subject: Subject): Promise<EventListener> {
    this.#progress?.stop();
    this.#progress = await this.#render(subject);
    return this.#progress.onEvent;
  }

  /** A line for people; in the JSON stream an object like all others. */
  note(line: string): void {
    if (this.#settings.quiet) return;
    if (this.#progress !== undefined) this.#progress.note(line);
    else if (this.#kind === "json") this.#json({ type: "note", message: line });
    else this.#screen.write(`${line}\n`);
  }

  /** A warning that belongs to no operation: of a settings file, for example. */
  warn(event: Extract<LadingEvent, { readonly type: "warning" }>): void {
    if (this.#progress !== undefined) this.#progress.onEvent(event);
    else if (this.#kind === "json" && !this.#settings.quiet) this.#json(event);
    else this.note(`warning: ${event.message}`);
  }

  /** Takes the bars away and shows the cursor; safe at any time. */
  end(): void {
    this.#progress?.stop();
    this.#progress = undefined;
  }

  /** The error that ends the call, or one part of it. Its looks are loaded when they are needed. */
  async failed(error: LadingError, doing: string | undefined): Promise<void> {
    this.end();
    const { verbose } = this.#settings;
    const { causeLines, renderError } = await import("../errors.ts");
    if (this.#kind !== "json") this.#screen.write(renderError(error, { doing, verbose }));
    else {
      const details = verbose ? { details: causeLines(error) } : {};
      this.#json({ type: "error", error: { ...error.toJSON(), ...details } });
    }
  }

  async #render(subject: Subject): Promise<Progress> {
    const { quiet, verbose } = this.#settings;
    const options: ProgressOptions = {
      screen: this.#screen,
      clock: systemClock,
      subject,
      quiet,
      verbose,
    };
    if (this.#kind === "json") return (await import("./json.ts")).jsonProgress(options);
    if (quiet || this.#kind === "none") {
      return (await import("./none.ts")).noProgress(options);
    }
    if (this.#kind === "tty") return (await import("./tty.ts")).ttyProgress(options);
    return (await import("./plain.ts")).plainProgress(options);
  }

  #json<T extends { readonly type: string }>(fields: T): void {
    writeJsonLine({ screen: this.#screen, clock: systemClock }, fields);
  }
}

function screenOf(stream: TerminalStream, environment: Environment): Screen {
  const { NO_COLOR, TERM, LC_ALL, LC_CTYPE, LANG } = environment;
  const locale = LC_ALL || LC_CTYPE || LANG || "";
  // Whoever read it has gone: there is nobody left to tell.
  stream.on("error", () => {});
  return {
    write: (text) => void stream.write(text),
    columns: () => stream.columns || 80,
    rows: () => stream.rows || 24,
    color: stream.isTTY === true && !NO_COLOR && TERM !== "dumb",
    unicode: /utf-?8/i.test(locale) && TERM !== "linux",
  };
}
