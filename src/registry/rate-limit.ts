import { isIP } from "node:net";
import type { Step } from "./http/message.ts";
import { printable } from "./http/redact.ts";

/** How much one may still ask of a registry. */
export interface RateLimit {
  readonly limit: number;
  readonly remaining: number;
  /** The time for which the limit is. */
  readonly windowSeconds?: number | undefined;
  /** Whom it is counted for: an address, or the ID of an account. */
  readonly source?: string | undefined;
}

/**
 * `ratelimit-limit: 100;w=21600`, `ratelimit-remaining: 76;w=21600` (draft-ietf-httpapi-ratelimit-headers
 * before version 8, as Docker Hub sends them); `undefined` when they are not there or make no sense.
 *
 * @see https://docs.docker.com/docker-hub/usage/pulls/
 */
export function parseRateLimit(headers: Readonly<Record<string, string>>): RateLimit | undefined {
  const limit = parseQuota(headers["ratelimit-limit"]);
  const remaining = parseQuota(headers["ratelimit-remaining"]);
  if (limit === undefined || remaining === undefined) return undefined;
  const windowSeconds = limit.windowSeconds ?? remaining.windowSeconds;
  const source = printable(headers["docker-ratelimit-source"] ?? "", 64);
  return {
    limit: limit.count,
    remaining: remaining.count,
    ...(windowSeconds === undefined ? {} : { windowSeconds }),
    ...(isIP(source) !== 0 || /^[\w-]+$/.test(source) ? { source } : {}),
  };
}

function parseQuota(
  header: string | undefined,
): { count: number; windowSeconds: number | undefined } | undefined {
  const [, count, window] =
    /^\s*([0-9]{1,12})\s*(?:;\s*w=([0-9]{1,9})\s*)?$/.exec(header ?? "") ?? [];
  if (count === undefined) return undefined;
  return {
    count: Number(count),
    windowSeconds: window === undefined ? undefined : Number(window),
  };
}

/** Tells what registries say of their limits, whenever it is something new. */
export function rateLimits(): Step {
  const told = new Map<string, string>();
  return (next) => async (request) => {
    const response = await next(request);
    const found = request.scope.anonymous ? undefined : parseRateLimit(response.headers);
    const { host } = request.url;
    if (found === undefined) return response;
    const now = `${found.remaining}/${found.limit}`;
    if (told.get(host) === now) return response;
    told.set(host, now);
    const { windowSeconds, source } = found;
    request.operation.onEvent?.({
      type: "rate-limit",
      host,
      limit: found.limit,
      remaining: found.remaining,
      ...(windowSeconds === undefined ? {} : { windowSeconds }),
      ...(source === undefined ? {} : { source }),
    });
    return response;
  };
}
