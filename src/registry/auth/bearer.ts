import * as v from "valibot";
import type { Clock } from "../../clock.ts";
import { LadingError } from "../../errors.ts";
import { parseJson } from "../../oci/json.ts";
import { metadataLimits } from "../../oci/limits.ts";
import { errorDetail } from "../http/error-detail.ts";
import type { HttpRequest, HttpResponse, Send } from "../http/message.ts";
import { redactUrl } from "../http/redact.ts";
import { basicAuthorization } from "./basic.ts";
import type { Challenge } from "./challenge.ts";
import type { Credential } from "./credentials.ts";
import type { Token } from "./token-cache.ts";

/** Where a token for a request comes from. */
export interface TokenServer {
  readonly realm: URL;
  readonly service: string;
  readonly scope: string;
}

/**
 * Who to ask for a token, as a challenge says. The realm is refused unless it is https, or http for a
 * registry that is spoken to in http; its address is checked when it is connected to.
 */
export function tokenServer(challenge: Challenge, request: HttpRequest): TokenServer {
  const { realm = "", service = "", scope } = challenge.params;
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const { repository, action } = request.scope;
  if (url === undefined || url.username !== "" || url.password !== "") throw badRealm(request.url);
  const allowed = url.protocol === "https:" || url.protocol === request.url.protocol;
  if (!allowed || !/^https?:$/.test(url.protocol)) throw openRealm(url);
  const actions = action === "push" ? "pull,push" : "pull";
  return { realm: url, service, scope: scope || `repository:${repository}:${actions}` };
}

const tokenSchema = v.object({
  token: v.optional(v.nullable(v.string())),
  access_token: v.optional(v.nullable(v.string())),
  expires_in: v.optional(v.nullable(v.number())),
});

/** The distribution token spec's default, and the least that it lets a server say. */
const DEFAULT_SECONDS = 60;
const LONGEST_SECONDS = 24 * 3600;

/** Asks the realm for a token (distribution's token authentication: GET with basic credentials). */
export async function fetchToken(
  send: Send,
  server: TokenServer,
  credential: Credential | undefined,
  request: HttpRequest,
  peer: HttpResponse["peer"],
  clock: Clock,
): Promise<Token> {
  const url = new URL(server.realm);
  if (server.service !== "") url.searchParams.set("service", server.service);
  for (const scope of server.scope.split(" ")) url.searchParams.append("scope", scope);
  const asked = clock.now();
  const response = await send({
    method: "GET",
    url,
    headers: {
      accept: "application/json",
      ...(credential?.kind === "basic" ? { authorization: basicAuthorization(credential) } : {}),
    },
    scope: { ...request.scope, reach: peer },
    operation: request.operation,
  });
  if (response.status !== 200) throw await refusedToken(response, credential, request);
  const { value, seconds } = parseToken(await response.body.bytes(metadataLimits.token), url);
  return { value, expires: asked + seconds * 1000 };
}

function parseToken(bytes: Uint8Array, url: URL): { value: string; seconds: number } {
  const json = parseJson(bytes, { what: "token server's answer", maxBytes: metadataLimits.token });
  const parsed = v.safeParse(tokenSchema, json);
  const value = parsed.success ? parsed.output.token || parsed.output.access_token : undefined;
  // A token goes into a header: nothing but what a header can hold.
  if (!parsed.success || !value || !/^[\x21-\x7e]+$/.test(value)) {
    throw new LadingError("malformed", `${url.host} answers without a token`, {
      url: redactUrl(url),
    });
  }
  const seconds = parsed.output.expires_in ?? DEFAULT_SECONDS;
  return { value, seconds: Math.min(Math.max(seconds, 1), LONGEST_SECONDS) };
}

async function refusedToken(
  response: HttpResponse,
  credential: Credential | undefined,
  { scope }: HttpRequest,
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
  const who = credential === undefined ? "without credentials" : "for these credentials";
  return new LadingError("unauthorized", `${url.host} gives no token ${who}${detail}`, {
    ...context,
    hint:
      credential === undefined
        ? `log in to ${scope.registry} (docker login), or check the name of the image`
        : `check user and password for ${scope.registry}, and the name of the image`,
  });
}

function badRealm(registry: URL): LadingError {
  return new LadingError(
    "malformed",
    `${registry.host} names a token server that is no web address`,
    {
      url: redactUrl(registry),
    },
  );
}

function openRealm(realm: URL): LadingError {
  return new LadingError("refused", `the token server ${realm.host} is not spoken to in http`, {
    url: redactUrl(realm),
    hint: "credentials would pass in the open; a token server is https unless its registry is http",
  });
}
