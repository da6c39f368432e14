import { LadingError, throwIfAborted, untilAborted } from "../../errors.ts";
import { setAside } from "../http/body.ts";
import type { HttpRequest, HttpResponse, Send } from "../http/message.ts";

/** Answers that some registries give, Artifactory for one, where a 401 with a challenge was due. */
const IN_PLACE_OF_401: ReadonlySet<number> = new Set([400, 403, 404]);

/** Whether a refusal of an anonymous request for a repository may hide that the registry knows accounts. */
export function mayHideChallenge(response: HttpResponse, request: HttpRequest): boolean {
  return (
    IN_PLACE_OF_401.has(response.status) &&
    response.headers["www-authenticate"] === undefined &&
    request.scope.repository !== "" &&
    !request.url.pathname.endsWith("/v2/") &&
    response.url.origin === request.url.origin
  );
}

/**
 * What registries answer when they are asked as a whole (`GET /v2/`), which must be with their challenge, if
 * they have one. One answer does for all who ask at the same time; it is kept where it tells for good.
 */
export class Probes {
  readonly #answers = new Map<string, Promise<HttpResponse>>();

  /** `undefined`: there is no place to ask. */
  async get(send: Send, request: HttpRequest): Promise<HttpResponse | undefined> {
    const url = wholeOf(request.url);
    if (url === undefined) return undefined;
    const { signal } = request.operation;
    for (;;) {
      const known = this.#answers.get(url.href);
      if (known === undefined) return this.#ask(send, request, url);
      try {
        return await untilAborted(known, signal);
      } catch (error) {
        throwIfAborted(signal);
        // Whoever asked first gave up; that is not for those to bear who waited with him.
        if (!(error instanceof LadingError) || error.code !== "aborted") throw error;
      }
    }
  }

  async #ask(send: Send, request: HttpRequest, url: URL): Promise<HttpResponse> {
    const { range: _, ...headers } = request.headers;
    const answer = send({ ...request, method: "GET", url, headers }).then(setAside);
    this.#answers.set(url.href, answer);
    let lasts = false;
    try {
      const { status } = await answer;
      lasts = status === 401 || (status >= 200 && status < 300);
    } finally {
      if (!lasts) this.#answers.delete(url.href);
    }
    return answer;
  }
}

function wholeOf(url: URL): URL | undefined {
  const end = url.pathname.indexOf("/v2/");
  return end < 0 ? undefined : new URL(url.pathname.slice(0, end + "/v2/".length), url);
}
