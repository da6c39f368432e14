import type { LadingEvent, WaitReason } from "../../content/events.ts";
import { type Digest, shortDigest } from "../../oci/digest.ts";
import { formatDuration } from "../print/format.ts";

/** What a person should be told in words, whatever else is shown; `undefined` for mere progress. */
export function notice(event: LadingEvent): string | undefined {
  switch (event.type) {
    case "warning":
      return `warning: ${event.message}`;
    case "retry": {
      const { attempt, delayMs, reason, digest } = event;
      return `${of(digest)}retry ${attempt} in ${formatDuration(delayMs)}: ${reason}`;
    }
    case "waiting":
      return waiting(event.why);
    default:
      return undefined;
  }
}

/** Who holds what we wait for. */
export function holder(pid: number | undefined): string {
  if (pid === undefined) return "another process";
  return pid === process.pid ? "another pull of this process" : `process ${pid}`;
}

function waiting(why: WaitReason): string {
  switch (why.kind) {
    case "same-download":
      return `${of(why.digest)}waiting for ${holder(why.pid)}, which downloads it`;
    case "same-layer":
      return `${of(why.digest)}waiting for ${holder(why.pid)}, which unpacks it`;
    case "target":
      return `waiting for ${holder(why.pid)}, which fills ${why.path}`;
    case "store-lock":
      return `waiting for ${holder(why.pid)}, which holds the store`;
    case "retry-after":
      return `${why.host} asks for a pause of ${formatDuration(why.ms)}`;
    case "host-pause":
      return `${why.host} is left alone for ${formatDuration(why.ms)}, as it asked`;
    case "rate-limit":
      return `${why.host} is asked again in ${formatDuration(why.ms)}, as the settings say`;
  }
}

function of(digest: Digest | undefined): string {
  return digest === undefined ? "" : `${shortDigest(digest)}: `;
}
