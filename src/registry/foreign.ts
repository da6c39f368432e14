import type { OpenContent, OpenRange } from "../content/port.ts";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { errorDetail } from "./http/error-detail.ts";
import type { HttpRequest, Send } from "./http/message.ts";
import { redactUrl } from "./http/redact.ts";
import { openRanged } from "./open-ranged.ts";

/**
 * Opens a layer at one of its own `urls`: without credentials of any kind (CVE-2020-15157), over
 * https, on a public address (ggcr #2293). The first that answers is taken.
 */
export async function openForeign(
  send: Send,
  request: HttpRequest,
  descriptor: Descriptor,
  range: OpenRange,
): Promise<OpenContent> {
  let failure: unknown = noUrl(descriptor);
  for (const text of descriptor.urls ?? []) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== "https:" || url.username !== "" || url.password !== "") continue;
    const scope = { ...request.scope, anonymous: true, reach: "public" } as const;
    try {
      return await openRanged(descriptor, range, {
        send: (headers) =>
          send({
            ...request,
            url,
            scope,
            headers: { ...request.headers, ...headers },
            note: { role: "foreign" },
          }),
        failed: async (response) =>
          new LadingError(
            "not-found",
            `${url.host} answered ${response.status}${await errorDetail(response)}`,
            { url: redactUrl(url), digest: descriptor.digest, status: response.status },
          ),
      });
    } catch (error) {
      if (error instanceof LadingError && error.code === "aborted") throw error;
      failure = error;
    }
  }
  throw failure;
}

function noUrl({ digest }: Descriptor): LadingError {
  return new LadingError("not-found", "a foreign layer names no https address to fetch it from", {
    digest,
  });
}
