import { visible } from "../print/format.ts";
import { requestLine } from "../trace/request-line.ts";
import { notice } from "./notice.ts";
import type { Progress, ProgressOptions } from "./progress.ts";

/** No progress: only warnings, and with `--verbose` the requests and what is waited for. */
export function noProgress({ screen, quiet, verbose }: ProgressOptions): Progress {
  const note = (line: string): void => {
    if (!quiet) screen.write(`${visible(line)}\n`);
  };
  return {
    onEvent(event) {
      const told = event.type === "warning" || verbose;
      const line = told ? (notice(event) ?? requestLine(event)) : undefined;
      if (line !== undefined) note(line);
    },
    note,
    stop() {},
  };
}
