import { letGo } from "../http/body.ts";
import type { HttpRequest, HttpResponse, Send } from "../http/message.ts";

/** Answers that some registries give, Artifactory for one, where a 401 with a challenge was due. */
const IN_PLACE_OF_401: ReadonlySet<number> = new Set([400, 403, 404]);

/** Whether a refusal of an anonymous request may hide that the registry knows accounts. */
export function mayHideChallenge(response: HttpResponse, request: HttpRequest): boolean {
  return (
    IN_PLACE_OF_401.has(response.status) &&
    response.headers["www-authenticate"] === undefined &&
    !request.url.pathname.endsWith("/v2/") &&
    response.url.origin === request.url.origin
  );
}

/** Asks the registry as a whole (`GET /v2/`), which must answer with its challenge, if it has one. */
export async function askForChallenge(
  send: Send,
  request: HttpRequest,
): Promise<HttpResponse | undefined> {
  const { pathname } = request.url;
  const end = pathname.indexOf("/v2/");
  if (end < 0) return undefined;
  const url = new URL(pathname.slice(0, end + "/v2/".length), request.url);
  const { range: _, ...headers } = request.headers;
  const response = await send({ ...request, method: "GET", url, headers });
  await letGo(response);
  return response;
}
