import { styleText } from "node:util";
import type { CancelTimer } from "../../clock.ts";
import type { Digest } from "../../oci/digest.ts";
import { visible } from "../print/format.ts";
import { requestLine } from "../trace/request-line.ts";
import { type FrameLine, pullFrame, type View, verifyFrame } from "./frame.ts";
import { LiveRegion, type RegionLine } from "./live-region.ts";
import { notice } from "./notice.ts";
import type { Progress, ProgressOptions } from "./progress.ts";
import { RateMeter } from "./rate.ts";
import { applyEvent, emptyState, totals } from "./state.ts";

/** Ten frames a second: smooth to the eye, and cheap for a terminal at the other end of a slow line. */
const FRAME_MS = 100;

/** What is over sooner is not drawn at all: a pull with nothing to do does not flash. */
const FIRST_FRAME_MS = 200;

/** Bars on a terminal, drawn over the events. */
export function ttyProgress(options: ProgressOptions): Progress {
  const { screen, clock, subject, verbose } = options;
  const state = emptyState();
  const region = new LiveRegion(screen);
  const meters = new Map<Digest, RateMeter>();
  const totalMeter = new RateMeter();
  let cancel: CancelTimer = () => {};
  let stopped = false;

  const view = (): View => {
    const now = clock.now();
    const moved = subject === "verify" ? totals(state).offset : state.arrived;
    return {
      columns: screen.columns(),
      rows: screen.rows(),
      now,
      unicode: screen.unicode,
      totalRate: totalMeter.sample(now, moved),
      rate(digest) {
        const meter = meters.get(digest) ?? new RateMeter();
        meters.set(digest, meter);
        return meter.sample(now, state.blobs.get(digest)?.arrived ?? 0);
      },
    };
  };
  const drawFrame = (): void => {
    const lines = subject === "verify" ? verifyFrame(state, view()) : pullFrame(state, view());
    region.draw(lines.map((line) => colored(line, screen.color)));
    cancel = clock.after(FRAME_MS, drawFrame);
  };
  const note = (line: string): void => region.above(`${visible(line)}\n`);
  if (subject !== "other") cancel = clock.after(FIRST_FRAME_MS, drawFrame);
  return {
    onEvent(event) {
      if (stopped) return;
      applyEvent(state, event, clock.now());
      // Waits and retries are in the picture; where there is none they are told in words.
      const told = subject === "other" || event.type === "warning" ? notice(event) : undefined;
      const line = told ?? (verbose ? requestLine(event) : undefined);
      if (line !== undefined) note(line);
    },
    note,
    stop() {
      stopped = true;
      cancel();
      region.clear();
    },
  };
}

const STYLES = {
  active: "cyan",
  done: "green",
  dim: "gray",
  alert: "yellow",
  plain: undefined,
} as const;

function colored({ text, tone }: FrameLine, color: boolean): RegionLine {
  const style = STYLES[tone];
  if (!color || style === undefined) return { text, width: text.length };
  return { text: styleText(style, text, { validateStream: false }), width: text.length };
}
