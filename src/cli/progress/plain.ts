import type { CancelTimer } from "../../clock.ts";
import type { LadingEvent } from "../../content/events.ts";
import { shortDigest } from "../../oci/digest.ts";
import { formatBytes, formatCount, formatDuration, formatRate, visible } from "../print/format.ts";
import { requestLine } from "../trace/request-line.ts";
import { notice } from "./notice.ts";
import type { Progress, ProgressOptions } from "./progress.ts";
import { RateMeter } from "./rate.ts";
import { applyEvent, type BlobProgress, emptyState, isShown, totals } from "./state.ts";

const HEARTBEAT_MS = 10_000;

/** Smaller blobs are over before their beginning is worth a line. */
const WORTH_A_START = 4_000_000;

/** Lines for a log file: what began, what ended, what went wrong, and a sign of life now and then. */
export function plainProgress(options: ProgressOptions): Progress {
  const { screen, clock, subject, quiet, verbose } = options;
  const state = emptyState();
  const rate = new RateMeter();
  let cancel: CancelTimer = () => {};
  let stopped = false;

  const note = (line: string): void => {
    if (!quiet) screen.write(`${visible(line)}\n`);
  };
  const heartbeat = (): void => {
    note(totalLine());
    cancel = clock.after(HEARTBEAT_MS, heartbeat);
  };
  const totalLine = (): string => {
    const { size, offset, layers, complete, unpacked } = totals(state);
    if (subject === "verify")
      return `${formatCount(complete, "blob")}, ${formatBytes(offset)} so far`;
    const speed = rate.sample(clock.now(), state.arrived);
    const at = speed === undefined || offset === size ? "" : `, ${formatRate(speed)}`;
    const bytes = `${formatBytes(offset)} of ${formatBytes(size)}`;
    const files = unpacked && `, ${Math.floor((100 * unpacked) / size)}% unpacked`;
    return `${bytes}, ${complete} of ${layers} layers${files || ""}${at}`;
  };
  const lineFor = (event: LadingEvent): string | undefined => {
    const told = notice(event) ?? (verbose ? requestLine(event) : undefined);
    if (told !== undefined || subject !== "pull") return told;
    switch (event.type) {
      case "resolved":
        return `${event.reference} is ${event.digest}`;
      case "started":
        return startLine(state.blobs.get(event.digest));
      case "exists":
      case "verified":
        return endLine(state.blobs.get(event.digest));
      case "unpacked":
        return unpackedLine(state.blobs.get(event.digest));
      default:
        return undefined;
    }
  };
  if (subject !== "other") cancel = clock.after(HEARTBEAT_MS, heartbeat);
  return {
    onEvent(event) {
      if (stopped) return;
      applyEvent(state, event, clock.now());
      const line = lineFor(event);
      if (line !== undefined) note(line);
    },
    note,
    stop() {
      stopped = true;
      cancel();
    },
  };
}

function startLine(blob: BlobProgress | undefined): string | undefined {
  if (blob === undefined || !isShown(blob) || blob.size < WORTH_A_START) return undefined;
  const resumed = blob.offset > 0 ? `, resuming at ${formatBytes(blob.offset)}` : "";
  return `${shortDigest(blob.digest)}: downloading ${formatBytes(blob.size)}${resumed}`;
}

function endLine(blob: BlobProgress | undefined): string | undefined {
  if (blob === undefined || !isShown(blob)) return undefined;
  const { digest, size, phase, startedAt, endedAt } = blob;
  const what = `${shortDigest(digest)}: ${formatBytes(size)}`;
  if (phase === "existed") return `${what} already here`;
  if (startedAt === undefined || endedAt === undefined) return `${what} done`;
  return `${what} done in ${formatDuration(endedAt - startedAt)}`;
}

/** What had been unpacked before is worth no line, and what took no time no duration. */
function unpackedLine(blob: BlobProgress | undefined): string | undefined {
  if (!blob?.unpack?.begun) return undefined;
  const { existed, entries, movingSince, endedAt } = blob.unpack;
  const what = existed ? "copied the unpacked layer" : `unpacked ${count(entries)}`;
  const known = movingSince !== undefined && endedAt !== undefined;
  const time = known ? ` in ${formatDuration(endedAt - movingSince)}` : "";
  return `${shortDigest(blob.digest)}: ${what}${time}`;
}

function count(entries: number): string {
  return entries === 1 ? "1 entry" : `${entries} entries`;
}
