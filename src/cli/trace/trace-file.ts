import { openSync, writeSync } from "node:fs";
import type { Clock } from "../../clock.ts";
import type { RequestTrace } from "../../content/request-trace.ts";
import { LadingError } from "../../errors.ts";

/** The version of the lines' schema, `docs/tracing.md`. */
const SCHEMA = 1;

export interface TraceFileOptions {
  readonly clock: Clock;
  /** Told once, when the file takes no more. */
  readonly onTrouble: (message: string) => void;
}

/**
 * Appends each exchange to a file, one JSON object a line, written at once: what a process that is
 * killed had asked for is there. Nobody else may read a file that is new.
 */
export function traceFile(
  path: string,
  { clock, onTrouble }: TraceFileOptions,
): (trace: RequestTrace) => void {
  const file = opened(path);
  let broken = false;
  return (trace) => {
    if (broken) return;
    const time = new Date(clock.now()).toISOString();
    try {
      writeSync(file, `${JSON.stringify({ v: SCHEMA, time, ...trace })}\n`);
    } catch (error) {
      // What is looked at is no reason to fail what is done.
      broken = true;
      onTrouble(`${path} takes no more requests: ${reason(error)}`);
    }
  };
}

function opened(path: string): number {
  try {
    return openSync(path, "a", 0o600);
  } catch (error) {
    throw new LadingError("disk", `the file for --trace can't be written: ${reason(error)}`, {
      path,
      hint: "name a file in a folder that is there and yours",
      cause: error,
    });
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
