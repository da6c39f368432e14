import type { Clock } from "../../clock.ts";
import type { EventListener } from "../../content/events.ts";

/** What the progress is about: a pull has layers, verifying has a total, the rest only its troubles. */
export type Subject = "pull" | "verify" | "other";

/** One way of showing what happens. Made by the functions of this folder. */
export interface Progress {
  readonly onEvent: EventListener;
  /** A line that stays: a warning, a request. */
  note(line: string): void;
  /** Takes away what is not meant to stay; nothing is shown afterwards. Synchronous, idempotent. */
  stop(): void;
}

/** Where progress goes to; standard error, or a test's recorder. */
export interface Screen {
  write(text: string): void;
  /** Cells of a line; asked for at every frame, since windows are resized. */
  columns(): number;
  rows(): number;
  readonly color: boolean;
  /** Whether the bars may be drawn with characters beyond ASCII. */
  readonly unicode: boolean;
}

export interface ProgressOptions {
  readonly screen: Screen;
  readonly clock: Clock;
  readonly subject: Subject;
  readonly quiet: boolean;
  readonly verbose: boolean;
}
