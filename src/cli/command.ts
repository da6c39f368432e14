import type { EventListener } from "../content/events.ts";
import type { LadingError } from "../errors.ts";
import type { Lading } from "../verbs/open.ts";
import type { StopSignal } from "./exit-code.ts";
import type { OptionDefinition, OptionValues, Settings, SharedOption } from "./options.ts";
import type { Output } from "./print/output.ts";
import type { Subject } from "./progress/progress.ts";

/** One command: what its help says, and what it does. Each is a file in `commands/`. */
export interface CommandDefinition {
  /** One paragraph, for its help; line breaks in it are the source's. */
  readonly description: string;
  readonly arguments?: readonly ArgumentDefinition[];
  /** Its own, beside the common ones. */
  readonly options?: readonly OptionDefinition[];
  /** Which of the shared options mean something here; the others are refused. */
  readonly shared?: readonly SharedOption[];
  readonly examples: readonly Example[];
  /** Whether what came before an interruption is of use to the next call. */
  readonly resumes?: boolean;
  /** Goes on until it is interrupted, which is then no failure to report. */
  readonly untilInterrupted?: boolean;
  /** For an error's first line, after "could not": `pull alpine:3.20`. */
  doing(args: readonly string[]): string;
  run(invocation: Invocation): Promise<void>;
}

export interface ArgumentDefinition {
  /** As in a usage line: `<reference>`, `<references...>`. */
  readonly name: string;
  readonly description: string;
  readonly choices?: readonly string[];
}

export interface Example {
  readonly command: string;
  readonly explains: string;
}

/** A command that is about to run: what was asked for, and what it works with. */
export interface Invocation {
  readonly args: readonly string[];
  /** Those of them that stand behind `--`; `undefined` without one. */
  readonly behindDashes: readonly string[] | undefined;
  readonly options: OptionValues;
  readonly settings: Settings;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** A line for people, beside the progress. */
  note(text: string): void;
  /** Shows progress from here on; until the command ends, or wants to print its result. */
  watch(subject: Subject): Promise<EventListener>;
  endWatch(): void;
  /** Opens lading for the references that were named; closed when the command ends. */
  open(references?: readonly string[]): Promise<Lading>;
  /** Reports the failure of one part of the work; the rest goes on. */
  fail(error: LadingError, doing: string): Promise<void>;
  /** From here on Ctrl-C and SIGTERM are for a process of the command's own. */
  passSignals(to: (signal: StopSignal) => void): void;
  /** The exit code of a command that is done, but has something to tell by it. */
  exitWith(code: number): void;
}
