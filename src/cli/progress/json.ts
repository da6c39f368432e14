import type { LadingEvent } from "../../content/events.ts";
import type { Progress, ProgressOptions } from "./progress.ts";

/** The version of the lines' schema, `docs/progress-json.md`. */
const SCHEMA = 1;

const INTERVAL_MS = 200;

/** One JSON object a line, as the events come; progress at most five times a second for each blob. */
export function jsonProgress(options: ProgressOptions): Progress {
  const { clock, quiet, verbose } = options;
  const last = new Map<string, number>();
  let stopped = false;
  const due = (event: LadingEvent): boolean => {
    if (event.type === "request") return verbose;
    if (event.type !== "bytes" && event.type !== "unpack-progress") return true;
    const now = clock.now();
    const key = `${event.type} ${event.digest}`;
    if (now - (last.get(key) ?? 0) < INTERVAL_MS) return false;
    last.set(key, now);
    return true;
  };
  return {
    onEvent(event) {
      if (!stopped && !quiet && due(event)) writeJsonLine(options, event);
    },
    note(message) {
      if (!quiet) writeJsonLine(options, { type: "note", message });
    },
    stop() {
      stopped = true;
    },
  };
}

/** Writes one line of the stream: `v`, `time`, and what it is about. */
export function writeJsonLine<T extends { readonly type: string }>(
  { screen, clock }: Pick<ProgressOptions, "screen" | "clock">,
  fields: T,
): void {
  const time = new Date(clock.now()).toISOString();
  screen.write(`${JSON.stringify({ v: SCHEMA, time, ...fields })}\n`);
}
