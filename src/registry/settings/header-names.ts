const HINT =
  "credentials come from lading login, docker's config.json and the like: docs/credentials.md";

/** Why a file may not set this header (lower case); `undefined` when it may. */
export function forbiddenHeader(name: string): { why: string; hint?: string } | undefined {
  if (name === "authorization" || name === "proxy-authorization") {
    return { why: `a file can't set the header ${name}`, hint: HINT };
  }
  return OURS.has(name) ? { why: `the header ${name} is lading's own` } : undefined;
}

/** Those that frame a message, and those by which content is chosen and read. */
const OURS: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "range",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name);
}

/** What node:http takes: visible ASCII, blanks and Latin-1. */
export function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
