import pLimit, { type LimitFunction } from "p-limit";
import type { Step } from "./message.ts";

/**
 * At most so many requests under way for one host, in the order in which they came. A request counts
 * until its headers are there: bodies are bounded by who reads them.
 */
export function limitPerHost(concurrency: number): Step {
  const limits = new Map<string, LimitFunction>();
  return (next) => (request) => {
    const { host } = request.url;
    const limit = limits.get(host) ?? pLimit(concurrency);
    limits.set(host, limit);
    return limit(() => next(request));
  };
}
