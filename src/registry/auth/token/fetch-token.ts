import type { Clock } from "../../../clock.ts";
import type { HttpResponse, Send } from "../../http/message.ts";
import { type Credential, identityOf } from "../credentials.ts";
import type { Token } from "../token-cache.ts";
import { readToken, refusedToken } from "./answer.ts";
import { type Grant, getRequest, postRequest, type TokenAsk } from "./token-request.ts";

export type FetchToken = (ask: TokenAsk) => Promise<Token>;

/** The server does not know this way of asking; every other refusal is about who asks. */
const UNKNOWN_WAY: ReadonlySet<number> = new Set([404, 405, 501]);
const REFUSED: ReadonlySet<number> = new Set([400, 401, 403]);
const MAX_REMEMBERED = 1_000;

type Method = "GET" | "POST";

/**
 * Asks token servers in the way that fits the account: with an identity token by POST, else by GET, and
 * in the other way only where the server does not know the first. Never after a refusal: a wrong
 * password would count twice. Which way worked is remembered, and so is a refresh token that the server
 * gave in place of ours, both in memory only.
 */
export function tokenFetcher(send: Send, clock: Clock): FetchToken {
  const ways = new Map<string, Method>();
  const rotated = new Map<string, string>();

  async function fetchToken(ask: TokenAsk, key: string): Promise<Token> {
    const refresh = rotated.get(key);
    const credential = refresh === undefined ? ask.credential : identity(refresh);
    const asked = clock.now();
    const { response, method } = await attempt(send, ways, { ...ask, credential });
    if (response.status !== 200) {
      const ended = REFUSED.has(response.status) && rotated.get(key) === refresh;
      if (ended) rotated.delete(key);
      throw await refusedToken(response, ask);
    }
    const token = await readToken(response, method);
    if (credential?.kind === "identity" && token.refresh !== undefined) {
      remember(rotated, key, token.refresh);
    }
    return { value: token.value, expires: asked + token.seconds * 1000 };
  }

  return async (ask) => {
    const { realm, service } = ask.server;
    const key = JSON.stringify([identityOf(ask.credential), realm.href, service]);
    const before = rotated.get(key);
    try {
      return await fetchToken(ask, key);
    } catch (error) {
      const now = rotated.get(key);
      if (now === undefined || now === before) throw error;
      // Another request was given a new refresh token meanwhile, which ended the one that we used.
      return fetchToken(ask, key);
    }
  };
}

async function attempt(
  send: Send,
  ways: Map<string, Method>,
  ask: TokenAsk,
): Promise<{ readonly response: HttpResponse; readonly method: Method }> {
  const { credential, server } = ask;
  const key = `${credential?.kind} ${server.realm.origin}${server.realm.pathname}`;
  const grant = grantOf(credential);
  const first = ways.get(key) ?? (credential?.kind === "identity" ? "POST" : "GET");
  const response = await send(requestBy(first, ask, grant));
  if (grant === undefined || !UNKNOWN_WAY.has(response.status)) return { response, method: first };
  response.body.cancel();
  const method = first === "GET" ? "POST" : "GET";
  const second = await send(requestBy(method, ask, grant));
  if (second.status === 200) remember(ways, key, method);
  return { response: second, method };
}

function requestBy(
  method: Method,
  ask: TokenAsk,
  grant: Grant | undefined,
): ReturnType<typeof getRequest> {
  return method === "GET" || grant === undefined ? getRequest(ask) : postRequest(ask, grant);
}

/** What can be asked for by POST; anonymous tokens can't. */
function grantOf(credential: Credential | undefined): Grant | undefined {
  if (credential?.kind === "identity") {
    return { grant_type: "refresh_token", refresh_token: credential.token };
  }
  if (credential?.kind !== "basic") return undefined;
  const { username, password } = credential;
  return { grant_type: "password", username, password };
}

function identity(token: string): Credential {
  return { kind: "identity", token };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= MAX_REMEMBERED) map.clear();
  map.set(key, value);
}
