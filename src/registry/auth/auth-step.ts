import type { Clock } from "../../clock.ts";
import type { HttpRequest, HttpResponse, Send, Step } from "../http/message.ts";
import { basicAuthorization } from "./basic.ts";
import { fetchToken, tokenServer } from "./bearer.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { type CredentialSource, identityOf } from "./credentials.ts";
import { TokenCache, type TokenKey } from "./token-cache.ts";

export interface AuthOptions {
  readonly credentials: CredentialSource;
  /** Sends to token servers: without this step. */
  readonly sendToken: Send;
  readonly clock: Clock;
}

/**
 * Answers the registry's challenge, and remembers it so that the next request brings its token along.
 * A token that was refused in the middle of a pull is fetched anew, once; one that does not reach far
 * enough (`insufficient_scope`) is fetched with the scope that the registry asks for.
 */
export function auth(options: AuthOptions): Step {
  const tokens = new TokenCache(options.clock);
  const challenges = new Map<string, Answerable>();
  return (next) => async (request) => {
    if (request.scope.anonymous) return next(request);
    const key = `${request.url.origin} ${request.scope.repository} ${request.scope.action}`;
    const known = challenges.get(key);
    const first = known && (await answer(known, request, options, tokens));
    const response = await next(authorized(request, first));
    if (!isChallenge(response, request)) return response;

    const challenge = answerable(response);
    if (challenge === undefined) return response;
    if (first?.token !== undefined) tokens.forget(first.token.key, first.token.value);
    const second = await answer(challenge, request, options, tokens);
    if (second === undefined || sameAnswer(first, second)) return response;
    response.body.cancel();
    challenges.set(key, challenge);
    const retried = await next(authorized(request, second));
    const wider = widerScope(retried, request, challenge);
    if (wider === undefined) return retried;
    const third = await answer(wider, request, options, tokens);
    if (third === undefined) return retried;
    retried.body.cancel();
    challenges.set(key, wider);
    return next(authorized(request, third));
  };
}

interface Answerable {
  readonly challenge: Challenge;
  readonly peer: HttpResponse["peer"];
}

interface Answer {
  readonly authorization: string;
  readonly token?: { readonly key: TokenKey; readonly value: string };
}

async function answer(
  { challenge, peer }: Answerable,
  request: HttpRequest,
  { credentials, sendToken, clock }: AuthOptions,
  tokens: TokenCache,
): Promise<Answer | undefined> {
  const { repository, action } = request.scope;
  const { signal } = request.operation;
  const origin = request.url.origin;
  const credential = await credentials.get({ origin, repository, action }, { signal });
  if (credential?.kind === "token") return { authorization: `Bearer ${credential.token}` };
  if (challenge.scheme === "basic") {
    return credential && { authorization: basicAuthorization(credential) };
  }
  const server = tokenServer(challenge, request);
  const { service, scope } = server;
  const identity = identityOf(credential);
  const key: TokenKey = { identity, realm: server.realm.href, service, scope };
  const value = await tokens.get(key, () =>
    fetchToken(sendToken, server, credential, request, peer, clock),
  );
  return { authorization: `Bearer ${value}`, token: { key, value } };
}

function authorized(request: HttpRequest, answer: Answer | undefined): HttpRequest {
  if (answer === undefined) return request;
  return { ...request, headers: { ...request.headers, authorization: answer.authorization } };
}

/** Only the origin that was asked may ask back: never one that a redirect led to. */
function isChallenge(response: HttpResponse, request: HttpRequest): boolean {
  return response.status === 401 && response.url.origin === request.url.origin;
}

/** A bearer challenge before a basic one: a token shows less. */
function answerable(response: HttpResponse): Answerable | undefined {
  const challenges = parseChallenges(response.headers["www-authenticate"] ?? "");
  const challenge =
    challenges.find(({ scheme, params }) => scheme === "bearer" && params.realm !== undefined) ??
    challenges.find(({ scheme }) => scheme === "basic");
  return challenge && { challenge, peer: response.peer };
}

function widerScope(
  response: HttpResponse,
  request: HttpRequest,
  before: Answerable,
): Answerable | undefined {
  if (!isChallenge(response, request)) return undefined;
  const challenge = answerable(response);
  const { error, scope } = challenge?.challenge.params ?? {};
  if (error !== "insufficient_scope" || scope === before.challenge.params.scope) return undefined;
  return challenge;
}

function sameAnswer(first: Answer | undefined, second: Answer): boolean {
  return first?.authorization === second.authorization;
}
