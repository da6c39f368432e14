import { LadingError } from "../../errors.ts";
import { letGo } from "./body.ts";
import type { HttpRequest, HttpResponse, Step } from "./message.ts";
import { redactUrl } from "./redact.ts";

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What may go along to another origin: what says how to answer, nothing that says who asks. */
const HARMLESS: ReadonlySet<string> = new Set(["accept", "range", "user-agent"]);

/** What speaks of a body that does not go along. */
const OF_THE_BODY: ReadonlySet<string> = new Set(["content-type", "content-length"]);

/**
 * Follows redirects by hand. To another origin (scheme, host and port) goes nothing that belongs to
 * the first: no Authorization, no cookie, no header of the user's, no body (a token server is sent
 * passwords in one); and nothing is put back on a retry there. Never from https to http, and never to an address less public than the one that redirects.
 */
export const redirect: Step = (next) => async (request) => {
  let current = request;
  for (let hops = 0; ; hops += 1) {
    const response = await next(current);
    const { location } = response.headers;
    if (!REDIRECTS.has(response.status) || location === undefined) {
      return { ...response, asked: request.url };
    }
    await letGo(response);
    if (hops === MAX_REDIRECTS) throw tooMany(request.url);
    current = follow(withoutBody(current, response.status), response, location);
  }
};

function follow(request: HttpRequest, response: HttpResponse, location: string): HttpRequest {
  const url = target(location, request.url);
  const note = { ...request.note, role: "redirect" } as const;
  if (url.origin === request.url.origin) return { ...request, url, note };
  if (request.body !== undefined) throw bodyElsewhere(request.url, url);
  const headers = Object.entries(request.headers).filter(([name]) => HARMLESS.has(name));
  return {
    ...request,
    url,
    headers: Object.fromEntries(headers),
    note: { ...note, credentials: undefined },
    scope: { ...request.scope, anonymous: true, reach: response.peer },
  };
}

/** As RFC 9110 section 15.4 says: 303, and by long custom 301 and 302, turn a POST into a GET. */
function withoutBody(request: HttpRequest, status: number): HttpRequest {
  if (request.method !== "POST" || status === 307 || status === 308) return request;
  const { body: _body, headers, ...rest } = request;
  const kept = Object.entries(headers).filter(([name]) => !OF_THE_BODY.has(name));
  return { ...rest, method: "GET", headers: Object.fromEntries(kept) };
}

function target(location: string, base: URL): URL {
  const url = URL.canParse(location, base.href) ? new URL(location, base.href) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new LadingError("malformed", `${base.host} redirects to what is not a web address`, {
      url: redactUrl(base),
    });
  }
  url.username = "";
  url.password = "";
  if (base.protocol === "https:" && url.protocol === "http:") {
    throw new LadingError("refused", `${base.host} redirects from https to http`, {
      url: redactUrl(url),
      hint: "nothing asked for in the open may answer for what was asked for in secret",
    });
  }
  return url;
}

function bodyElsewhere(from: URL, to: URL): LadingError {
  return new LadingError("refused", `${from.host} wants what it was sent to go to ${to.host}`, {
    url: redactUrl(to),
    hint: "a request that carries a secret goes to the host that it was meant for, and to no other",
  });
}

function tooMany(url: URL): LadingError {
  return new LadingError(
    "registry-unavailable",
    `${url.host} redirects more than ${MAX_REDIRECTS} times`,
    {
      url: redactUrl(url),
      hint: "the registry, or a proxy before it, sends requests round in circles; --verbose shows where",
    },
  );
}
