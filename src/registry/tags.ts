import * as v from "valibot";
import type { OperationOptions } from "../content/events.ts";
import { LadingError } from "../errors.ts";
import { parseJson } from "../oci/json.ts";
import { metadataLimits } from "../oci/limits.ts";
import type { HttpRequest, HttpResponse, Send } from "./http/message.ts";
import { printable, redactUrl } from "./http/redact.ts";

export interface TagOptions extends OperationOptions {
  /** Tags after this one, in the registry's order. */
  readonly last?: string | undefined;
  /** How many the registry should send at a time. */
  readonly pageSize?: number | undefined;
}

const MAX_PAGES = 10_000;
const MAX_TAGS = 1_000_000;

const pageSchema = v.object({ tags: v.nullish(v.array(v.string())) });

/**
 * The tags of a repository (distribution-spec, "Listing Tags"). The next page is where `Link` says, on
 * the registry's own host, wherever this page was redirected to, and never twice (GHSA-h7vf-4x9w-h99v,
 * oras-go #1214); without `Link` a page is the last.
 */
export async function* listTags(
  send: Send,
  request: HttpRequest,
  { last, pageSize = 1000 }: TagOptions,
  failed: (response: HttpResponse) => Promise<LadingError>,
): AsyncIterable<string> {
  const visited = new Set<string>();
  let next: URL | undefined = firstPage(request.url, last, pageSize);
  let count = 0;
  while (next !== undefined) {
    if (visited.has(next.href) || visited.size === MAX_PAGES) throw endless(next);
    visited.add(next.href);
    const response: HttpResponse = await send({ ...request, url: next });
    if (response.status !== 200) throw await failed(response);
    const bytes = await response.body.bytes(metadataLimits.tags);
    const page = v.safeParse(
      pageSchema,
      parseJson(bytes, { what: "tag list", maxBytes: metadataLimits.tags }),
    );
    if (!page.success) {
      throw new LadingError("malformed", "the tag list has no tags", { url: redactUrl(next) });
    }
    for (const tag of page.output.tags ?? []) {
      count += 1;
      if (count > MAX_TAGS) throw endless(next);
      yield printable(tag, 256);
    }
    next = nextPage(response, next);
  }
}

function firstPage(url: URL, last: string | undefined, pageSize: number): URL {
  const first = new URL(url);
  first.searchParams.set("n", String(pageSize));
  if (last !== undefined) first.searchParams.set("last", last);
  return first;
}

/** `Link: </v2/app/tags/list?last=b&n=2>; rel="next"` (RFC 8288). */
function nextPage({ headers }: HttpResponse, asked: URL): URL | undefined {
  const target = nextTarget(headers.link ?? "");
  if (target === undefined) return undefined;
  const next = URL.canParse(target, asked.href) ? new URL(target, asked.href) : undefined;
  if (next !== undefined && next.host === asked.host) {
    // What was asked over https stays there, whatever a proxy writes into the link.
    next.protocol = asked.protocol;
    return next;
  }
  throw new LadingError("refused", `${asked.host} continues its tag list on another host`, {
    url: redactUrl(next ?? asked),
    hint: "a list that leads elsewhere could make this machine ask anything",
  });
}

/** Each link is looked at by itself, once: a header of thousands of links must not take long. */
function nextTarget(header: string): string | undefined {
  for (const link of header.split(/,(?=\s*<)/)) {
    const [, target, parameters = ""] = /^\s*<([^<>]{1,4096})>\s*;(.*)$/.exec(link) ?? [];
    if (/\brel\s*=\s*"?next"?/i.test(parameters)) return target;
  }
  return undefined;
}

function endless(url: URL): LadingError {
  return new LadingError("limit-exceeded", `${url.host} sends a list of tags without end`, {
    url: redactUrl(url),
  });
}
