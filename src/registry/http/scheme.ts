import { classify } from "./address.ts";
import type { HttpRequest, Step } from "./message.ts";
import { speaksNoTls } from "./network-error.ts";

/**
 * https, always; http only for registries that the caller names, and for hosts of this machine that
 * turn out not to speak TLS; a certificate that is not trusted is no such finding. What a loopback host
 * speaks is found out once.
 */
export function scheme(plainHttp: (request: HttpRequest) => Promise<boolean>): Step {
  const spoken = new Map<string, "http:" | "https:">();
  const told = new Set<string>();
  return (next) => async (request) => {
    // Somebody else's address, as an answer or a layer names it: its scheme was part of what was checked.
    if (request.scope.anonymous || request.scope.schemeFixed) return next(request);
    const { host, hostname } = request.url;
    if (await plainHttp(request)) {
      if (!isLoopback(hostname)) warnOnce(told, request);
      return next(over("http:", request));
    }
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

function warnOnce(told: Set<string>, { url, operation }: HttpRequest): void {
  if (operation.onEvent === undefined || told.has(url.host)) return;
  told.add(url.host);
  operation.onEvent({
    type: "warning",
    code: "plain-http",
    message: `${url.host} is spoken to in http: anyone on the way can read what is sent and change what tags stand for`,
  });
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
