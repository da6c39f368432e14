import { isLoopback } from "./address.ts";
import { letGo } from "./body.ts";
import { inScheme } from "./in-scheme.ts";
import type { HttpRequest, Step } from "./message.ts";
import { hungUp, speaksNoTls } from "./network-error.ts";

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
      if (response.status !== ASKED_IN_HTTP) {
        spoken.set(host, "http:");
        return response;
      }
      if (!hungUp(error)) return response;
      // It speaks TLS, and hung up for another reason: it was starting again.
      await letGo(response);
      throw error;
    }
  };
}

/** The answer of servers that speak TLS to who does not; to others it tells nothing. */
const ASKED_IN_HTTP = 400;

function warnOnce(told: Set<string>, { url, operation }: HttpRequest): void {
  if (operation.onEvent === undefined || told.has(url.host)) return;
  told.add(url.host);
  operation.onEvent({
    type: "warning",
    code: "plain-http",
    message: `${url.host} is spoken to in http: anyone on the way can read what is sent and change what tags stand for`,
  });
}

function over(protocol: "http:" | "https:", request: HttpRequest): HttpRequest {
  return { ...request, url: inScheme(request.url, protocol, request.scope.registry) };
}
