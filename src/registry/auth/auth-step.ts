import type { Clock } from "../../clock.ts";
import { LadingError } from "../../errors.ts";
import { setAside } from "../http/body.ts";
import type { HttpRequest, HttpResponse, Send, Step } from "../http/message.ts";
import { isPassing } from "../http/retry.ts";
import { type Answer, Answers, type Asked } from "./answers.ts";
import { parseChallenges } from "./challenge.ts";
import type { CredentialSource } from "./credentials.ts";
import { mayHideChallenge, Probes } from "./probe.ts";
import { tokenFetcher } from "./token/fetch-token.ts";
import { TokenCache } from "./token-cache.ts";

export interface AuthOptions {
  readonly credentials: CredentialSource;
  /** Sends to token servers: without this step. */
  readonly sendToken: Send;
  readonly clock: Clock;
}

/**
 * Answers the registry's challenge, and remembers it so that the next request brings its token along.
 * A token that was refused in the middle of a pull is fetched anew, once; one that does not reach far
 * enough (`insufficient_scope`) is fetched with the scope that the registry asks for. A password that
 * was refused is asked for anew, and tried once more if it is another one.
 */
export function auth({ credentials, sendToken, clock }: AuthOptions): Step {
  const answers = new Answers(credentials, tokenFetcher(sendToken, clock), new TokenCache(clock));
  const challenges = new Map<string, Asked>();
  const probes = new Probes();

  /** Only where there are credentials that the registry may be waiting for. */
  async function hiddenIn(
    response: HttpResponse,
    next: Send,
    request: HttpRequest,
  ): Promise<Refused> {
    const held = await setAside(response);
    const untold = { response: held, asked: undefined };
    if ((await answers.credential(request)) === undefined) return untold;
    try {
      const probe = await probes.get(next, request);
      if (probe === undefined) return untold;
      // It can't be told for now: whoever asks tries all of it again, when the registry says.
      if (isPassing(probe.status)) return { response: probe, asked: undefined };
      return { response: held, asked: withoutScope(challengeIn(probe, request)) };
    } catch (error) {
      // What leads nowhere for good hides no challenge: the refusal stands for itself.
      if (error instanceof LadingError && !error.transient && error.code !== "aborted")
        return untold;
      throw error;
    }
  }

  /** What it asks for, its own body out of the way of what is asked next. */
  async function challengeOf(response: HttpResponse, request: HttpRequest): Promise<Refused> {
    const asked = challengeIn(response, request);
    return { response: asked === undefined ? response : await setAside(response), asked };
  }

  return (next) => async (request) => {
    if (request.scope.anonymous) return next(request);
    const key = `${request.url.origin} ${request.scope.repository} ${request.scope.action}`;
    const known = challenges.get(key);
    const first = known && (await answers.to(known, request));
    const answered = await next(authorized(request, first));
    const hides = known === undefined && mayHideChallenge(answered, request);
    const { response, asked } = hides
      ? await hiddenIn(answered, next, request)
      : await challengeOf(answered, request);
    if (asked === undefined) return response;

    first?.refused();
    const second = await answers.to(asked, request);
    if (second === undefined || sameAnswer(first, second)) return response;
    challenges.set(key, asked);
    const { response: retried, asked: again } = await challengeOf(
      await next(authorized(request, second)),
      request,
    );

    if (again === undefined) return retried;
    const wider = isWider(again, asked);
    if (!wider && second.isToken) return retried;
    if (!wider) second.refused();
    const third = await answers.to(again, request);
    if (third === undefined || sameAnswer(second, third)) return retried;
    challenges.set(key, again);
    return next(authorized(request, third));
  };
}

/** An answer, and the challenge that is to be met before there is a better one. */
interface Refused {
  readonly response: HttpResponse;
  readonly asked: Asked | undefined;
}

function authorized(request: HttpRequest, answer: Answer | undefined): HttpRequest {
  if (answer === undefined) return request;
  return {
    ...request,
    headers: { ...request.headers, authorization: answer.authorization },
    note: { role: "registry", ...request.note, credentials: answer.from },
  };
}

/**
 * Only the origin that was asked may ask back: never one that a redirect led to. A bearer challenge
 * comes before a basic one: a token shows less.
 */
function challengeIn(response: HttpResponse, request: HttpRequest): Asked | undefined {
  if (response.status !== 401 || response.url.origin !== request.url.origin) return undefined;
  const challenges = parseChallenges(response.headers["www-authenticate"] ?? "");
  const challenge =
    challenges.find(({ scheme, params }) => scheme === "bearer" && params.realm !== undefined) ??
    challenges.find(({ scheme }) => scheme === "basic");
  return challenge && { challenge, peer: response.peer };
}

/** What the registry as a whole asks for is not what the repository needs. */
function withoutScope(asked: Asked | undefined): Asked | undefined {
  if (asked === undefined) return undefined;
  const { scope: _, ...params } = asked.challenge.params;
  return { ...asked, challenge: { ...asked.challenge, params } };
}

function isWider(again: Asked, before: Asked): boolean {
  const { error, scope } = again.challenge.params;
  return error === "insufficient_scope" && scope !== before.challenge.params.scope;
}

function sameAnswer(first: Answer | undefined, second: Answer): boolean {
  return first?.authorization === second.authorization;
}
