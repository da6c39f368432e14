import type { Clock } from "../clock.ts";
import type { AddressClass } from "./http/address.ts";
import type { HttpRequest, HttpResponse, Send, Step } from "./http/message.ts";
import { isPassing } from "./http/retry.ts";

interface Known {
  readonly url: URL;
  readonly reach: AddressClass;
  readonly until: number;
}

/** Signed addresses rarely live longer, and those that do are not worth remembering. */
const GOOD_FOR_MS = 10 * 60_000;
const MAX_REMEMBERED = 1000;

/**
 * Goes straight to where a blob was redirected to before, for its further ranges, until that address no
 * longer answers. In memory only: such an address is a key of its own.
 */
export function blobRedirects(clock: Clock): Step {
  const known = new Map<string, Known>();

  function remember(request: HttpRequest, response: HttpResponse): void {
    if (response.url.origin === response.asked.origin || response.status >= 300) return;
    const [oldest] = known.keys();
    if (known.size >= MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    const until = clock.now() + GOOD_FOR_MS;
    known.set(request.url.href, { url: response.url, reach: response.peer, until });
  }

  /** `undefined`: that address is no longer good. */
  async function straight(
    next: Send,
    request: HttpRequest,
    { url, reach, until }: Known,
  ): Promise<HttpResponse | undefined> {
    const { href } = request.url;
    const scope = { ...request.scope, anonymous: true, reach };
    const note = { ...request.note, role: "redirect" } as const;
    try {
      if (until > clock.now()) {
        const response = await next({ ...request, url, scope, note });
        if (!isOver(response)) return { ...response, asked: request.url };
        response.body.cancel();
      }
    } catch (error) {
      known.delete(href);
      throw error;
    }
    known.delete(href);
    return undefined;
  }

  return (next) => async (request) => {
    if (!isBlob(request)) return next(request);
    const found = known.get(request.url.href);
    const direct = found && (await straight(next, request, found));
    if (direct !== undefined) return direct;
    const response = await next(request);
    remember(request, response);
    return response;
  };
}

function isBlob({ method, url, scope }: HttpRequest): boolean {
  const { anonymous, subject } = scope;
  return method === "GET" && !anonymous && url.pathname.endsWith(`/blobs/${subject}`);
}

/** What has run out, or is gone, in any of the ways in which stores say so. */
function isOver({ status }: HttpResponse): boolean {
  return status >= 400 && status < 500 && status !== 416 && !isPassing(status);
}
