import type { AddressClass } from "../../http/address.ts";
import type { HttpRequest } from "../../http/message.ts";
import { basicAuthorization } from "../basic.ts";
import type { TokenServer } from "../bearer.ts";
import { type FoundCredential, originOf } from "../credentials.ts";

/** What a token is wanted for, and by whom. */
export interface TokenAsk {
  readonly server: TokenServer;
  readonly credential: FoundCredential | undefined;
  /** The request that the token is for. */
  readonly request: HttpRequest;
  /** What answered with the challenge: the token server may be no less public. */
  readonly peer: AddressClass;
}

/** The name under which token servers know us. */
const CLIENT_ID = "lading";

/** distribution's token authentication: GET, with the account in the header, `scope` repeated. */
export function getRequest(ask: TokenAsk): HttpRequest {
  const { realm, service, scope } = ask.server;
  const url = new URL(realm);
  if (service !== "") url.searchParams.set("service", service);
  for (const one of scopesOf(scope)) url.searchParams.append("scope", one);
  const account = accountOf(ask.credential);
  const authorization = account === undefined ? {} : { authorization: account };
  return tokenRequest(ask, "GET", url, authorization);
}

/** distribution's OAuth2 authentication: POST, with the grant in the body, all scopes in one field. */
export function postRequest(ask: TokenAsk, grant: Grant): HttpRequest {
  const { realm, service, scope } = ask.server;
  const form = new URLSearchParams({ ...grant, client_id: CLIENT_ID });
  if (service !== "") form.set("service", service);
  if (scope !== "") form.set("scope", scopesOf(scope).join(" "));
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { ...tokenRequest(ask, "POST", realm, headers), body: form.toString() };
}

/** RFC 6749, sections 4.3 and 6. */
export type Grant =
  | { readonly grant_type: "password"; readonly username: string; readonly password: string }
  | { readonly grant_type: "refresh_token"; readonly refresh_token: string };

/** Docker's daemon and go-containerregistry give an identity token so, where there is no OAuth2. */
const IDENTITY_USER = "<token>";

function accountOf(credential: FoundCredential | undefined): string | undefined {
  if (credential?.kind === "basic") return basicAuthorization(credential);
  if (credential?.kind !== "identity") return undefined;
  const password = credential.token;
  return basicAuthorization({ kind: "basic", username: IDENTITY_USER, password });
}

function tokenRequest(
  { request, peer, credential }: TokenAsk,
  method: "GET" | "POST",
  url: URL,
  headers: Readonly<Record<string, string>>,
): HttpRequest {
  const from = credential && originOf(credential);
  return {
    method,
    url,
    headers: { accept: "application/json", ...headers },
    scope: { ...request.scope, reach: peer },
    operation: request.operation,
    note: { role: "token", credentials: from },
    priority: "token",
  };
}

function scopesOf(scope: string): readonly string[] {
  return scope.split(" ").filter((one) => one !== "");
}
