import * as v from "valibot";
import { LadingError } from "../../../errors.ts";
import { parseJson } from "../../../oci/json.ts";
import { metadataLimits } from "../../../oci/limits.ts";
import { errorDetail } from "../../http/error-detail.ts";
import type { HttpResponse } from "../../http/message.ts";
import { redactUrl } from "../../http/redact.ts";
import { howToLogIn } from "../provider/hint.ts";
import type { TokenAsk } from "./token-request.ts";

export interface TokenAnswer {
  readonly value: string;
  readonly seconds: number;
  /** The refresh token to use from now on, where the server gives a new one. */
  readonly refresh: string | undefined;
}

const tokenSchema = v.object({
  token: v.optional(v.nullable(v.string())),
  access_token: v.optional(v.nullable(v.string())),
  refresh_token: v.optional(v.nullable(v.string())),
  expires_in: v.optional(v.nullable(v.number())),
});

/** The distribution token spec's default, and the least that it lets a server say. */
const DEFAULT_SECONDS = 60;
const LONGEST_SECONDS = 24 * 3600;

/**
 * The token in an answer of 200. `issued_at` does not count: the server's clock is not ours. Of two
 * names for one thing the method's own comes first: OAuth2 says `access_token`.
 */
export async function readToken(
  response: HttpResponse,
  method: "GET" | "POST",
): Promise<TokenAnswer> {
  const { url } = response;
  const maxBytes = metadataLimits.token;
  const bytes = await response.body.bytes(maxBytes);
  const json = parseJson(bytes, { what: "token server's answer", maxBytes });
  const parsed = v.safeParse(tokenSchema, json);
  const { token, access_token, refresh_token, expires_in } = parsed.success ? parsed.output : {};
  const value = method === "GET" ? token || access_token : access_token || token;
  if (!value || !isHeaderValue(value)) {
    throw new LadingError("malformed", `${url.host} answers without a token`, {
      url: redactUrl(url),
    });
  }
  const seconds = Math.min(Math.max(expires_in ?? DEFAULT_SECONDS, 1), LONGEST_SECONDS);
  return { value, seconds, refresh: refresh_token || undefined };
}

/** A token goes into a header: nothing but what a header can hold. */
function isHeaderValue(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token);
}

/** The error for any other answer. */
export async function refusedToken(
  response: HttpResponse,
  { credential, request }: TokenAsk,
): Promise<LadingError> {
  const detail = await errorDetail(response);
  const { status, url } = response;
  const context = { url: redactUrl(url), status };
  if (status === 429) {
    return new LadingError("rate-limited", `${url.host} gives no more tokens for now${detail}`, {
      ...context,
      transient: true,
    });
  }
  if (status >= 500) {
    return new LadingError(
      "registry-unavailable",
      `${url.host} answered ${status}${detail}`,
      context,
    );
  }
  const { registry, repository } = request.scope;
  const who = credential === undefined ? "without credentials" : "for these credentials";
  const hint =
    credential === undefined
      ? `${howToLogIn(registry)}; or check the name of the image`
      : `check user and password for ${registry}, and the name of the image; where they come from says: lading whoami ${registry}/${repository}`;
  return new LadingError("unauthorized", `${url.host} gives no token ${who}${detail}`, {
    ...context,
    hint,
  });
}
