import { errno } from "../../disk/disk-error.ts";
import { LadingError } from "../../errors.ts";
import { classify } from "./address.ts";
import type { HttpRequest, Step } from "./message.ts";

/**
 * https, always; http only for registries that the caller names, and for hosts of this machine that
 * turn out not to speak TLS. What a loopback host speaks is found out once.
 */
export function scheme(plainHttp: (host: string) => boolean): Step {
  const spoken = new Map<string, "http:" | "https:">();
  return (next) => async (request) => {
    // Somebody else's address, as an answer or a layer names it: its scheme was part of what was checked.
    if (request.scope.anonymous) return next(request);
    const { host, hostname } = request.url;
    if (plainHttp(host)) return next(over("http:", request));
    if (!isLoopback(hostname)) return next(over("https:", request));
    const known = spoken.get(host);
    if (known !== undefined) return next(over(known, request));
    try {
      const response = await next(over("https:", request));
      spoken.set(host, "https:");
      return response;
    } catch (error) {
      if (!speaksNoTls(error)) throw error;
      const response = await next(over("http:", request));
      spoken.set(host, "http:");
      return response;
    }
  };
}

export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" || hostname.endsWith(".localhost") || classify(hostname) === "loopback"
  );
}

function over(protocol: "http:" | "https:", request: HttpRequest): HttpRequest {
  if (request.url.protocol === protocol) return request;
  const { host, pathname, search } = request.url;
  return { ...request, url: new URL(`${protocol}//${host}${pathname}${search}`) };
}

/** Somebody answers but not in TLS: worth a second try in the open, on this machine only. */
function speaksNoTls(error: unknown): boolean {
  if (!(error instanceof LadingError) || error.code !== "network") return false;
  const code = errno(error.cause);
  return code !== "ECONNREFUSED" && code !== "ENOTFOUND" && code !== "EAI_AGAIN";
}
