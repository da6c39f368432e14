import { channel } from "node:diagnostics_channel";
import type { RequestObserver } from "./trace.ts";

const started = channel("lading:request:start");
const ended = channel("lading:request");

/** Node's channels for whoever watches a process from outside of its code: `docs/tracing.md`. */
export const channels: RequestObserver = (start) => {
  if (!started.hasSubscribers && !ended.hasSubscribers) return undefined;
  started.publish(start);
  return (trace) => ended.publish(trace);
};
