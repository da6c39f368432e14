import type { Digest } from "../../oci/digest.ts";
import { formatDuration, formatRate } from "../print/format.ts";
import { holder } from "./notice.ts";
import {
  type BlobProgress,
  isComplete,
  isHeld,
  isUnpacking,
  type ProgressState,
  type Totals,
} from "./state.ts";

export type Tone = "active" | "done" | "dim" | "alert" | "plain";

/** What a status depends on beside the state. */
export interface Pace {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Bytes a second: of one blob, and of all. */
  rate(digest: Digest): number | undefined;
  readonly totalRate: number | undefined;
}

/** The last words of a layer's line. */
export function statusOf(blob: BlobProgress, pace: Pace): string {
  switch (blob.phase) {
    case "queued":
      return "queued";
    case "existed":
    case "verified":
      return heldStatus(blob);
    case "waiting":
      return `waiting for ${holder(blob.pid)}`;
    case "retrying": {
      const wait = Math.max(0, (blob.retry?.until ?? 0) - pace.now);
      return `retry ${blob.retry?.attempt ?? 1} in ${formatDuration(wait)}`;
    }
    case "downloading": {
      if (blob.offset === blob.size) return "verifying";
      const rate = pace.rate(blob.digest);
      return rate === undefined ? "" : formatRate(rate);
    }
  }
}

/** Of a blob that is there: how its unpacking goes, if it is to be unpacked. */
function heldStatus(blob: BlobProgress): string {
  const { phase, size, unpack } = blob;
  if (unpack === undefined || !isUnpacking(blob)) {
    return phase === "existed" && !unpack?.begun ? "already here" : "done";
  }
  // The last bytes are not the end: directories get their times, the layer its place.
  const percent = size === 0 ? 0 : Math.min(99, Math.floor((100 * unpack.offset) / size));
  return percent === 0 ? "unpacking" : `unpacking ${percent}%`;
}

export function toneOf(blob: BlobProgress): Tone {
  const { phase } = blob;
  if (isHeld(blob)) return isComplete(blob) ? "done" : "active";
  if (phase === "queued") return "dim";
  return phase === "downloading" ? "active" : "alert";
}

const LONGEST_ESTIMATE_MS = 100 * 3_600_000;

/** The last words of the total's line. */
export function totalStatus(
  state: ProgressState,
  { size, offset, layers, complete, unpacked }: Totals,
  { now, totalRate }: Pace,
): string {
  const missing = size - offset;
  const pause = Math.max(0, ...state.pauses.values()) - now;
  if (pause > 0) return `paused for ${formatDuration(pause)}`;
  if (missing === 0 && unpacked !== undefined && complete < layers) return "unpacking";
  if (totalRate === undefined || totalRate <= 0 || missing === 0) return "";
  const left = (1000 * missing) / totalRate;
  const estimate = left < LONGEST_ESTIMATE_MS ? `, ${formatDuration(left)} left` : "";
  return `${formatRate(totalRate)}${estimate}`;
}
