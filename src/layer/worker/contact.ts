import { parentPort } from "node:worker_threads";
import { LadingError } from "../../errors.ts";
import type { Envelope, UnpackProgress, WorkerReply } from "./protocol.ts";

/** How work looks up now and then. */
export interface Contact {
  /** Throws when nobody wants the result any more. */
  wanted(): void;
  report(progress: UnpackProgress): void;
  /** Whether it has nothing to do but to wait for bytes. */
  stalled(now: boolean): void;
}

const REPORT_MS = 100;

/** Reports are rare, since each is a message to the thread that also moves the bytes. */
export function contactOf({ id, cancelled }: Pick<Envelope, "id" | "cancelled">): Contact {
  const cell = new Int32Array(cancelled);
  const send = (reply: WorkerReply): void => parentPort?.postMessage(reply);
  let last = performance.now();
  let latest: UnpackProgress | undefined;
  let waiting = false;
  const tell = (): void => {
    const now = performance.now();
    if (latest === undefined || now - last < REPORT_MS) return;
    last = now;
    send({ id, type: "progress", progress: latest });
    latest = undefined;
  };
  return {
    wanted() {
      if (Atomics.load(cell, 0) !== 0) throw new LadingError("aborted", "aborted by the caller");
      tell();
    },
    report(progress) {
      latest = progress;
      tell();
    },
    stalled(now) {
      if (now === waiting) return;
      waiting = now;
      send({ id, type: now ? "stalled" : "moving" });
    },
  };
}
