export { type Clock, systemClock } from "../clock.ts";
export { type CopyOptions, type CopyResult, copy, type Outcome } from "./copy.ts";
export type * from "./events.ts";
export { MemoryStore } from "./memory.ts";
export type * from "./port.ts";
export { defaultRetryPolicy, type RetryPolicy } from "./retry.ts";
export type { Span } from "./spans.ts";
export { Watermark, type WatermarkState } from "./watermark.ts";
