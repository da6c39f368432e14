import type { Clock } from "../../clock.ts";
import { letGo } from "../http/body.ts";
import type { HttpRequest, HttpResponse, Send, Step } from "../http/message.ts";
import { type Answer, Answers, type Asked } from "./answers.ts";
import { parseChallenges } from "./challenge.ts";
import type { CredentialSource } from "./credentials.ts";
import { askForChallenge, mayHideChallenge } from "./probe.ts";
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
  const hidden = new Map<string, Promise<Asked | undefined>>();

  /** Asked for once of each registry, and only where there are credentials that it may be waiting for. */
  async function hiddenChallenge(next: Send, request: HttpRequest): Promise<Asked | undefined> {
    const { origin } = request.url;
    if ((await answers.credential(request)) === undefined) return undefined;
    const known = hidden.get(origin);
    if (known !== undefined) return known;
    const asked = askForChallenge(next, request).then(
      (response) => response && withoutScope(challengeIn(response, request)),
      () => void hidden.delete(origin),
    );
    hidden.set(origin, asked);
    return asked;
  }

  return (next) => async (request) => {
    if (request.scope.anonymous) return next(request);
    const key = `${request.url.origin} ${request.scope.repository} ${request.scope.action}`;
    const known = challenges.get(key);
    const first = known && (await answers.to(known, request));
    const response = await next(authorized(request, first));
    const hides = known === undefined && mayHideChallenge(response, request);
    const asked = hides ? await hiddenChallenge(next, request) : challengeIn(response, request);
    if (asked === undefined) return response;

    first?.refused();
    const second = await answers.to(asked, request);
    if (second === undefined || sameAnswer(first, second)) return response;
    await letGo(response);
    challenges.set(key, asked);
    const retried = await next(authorized(request, second));

    const again = challengeIn(retried, request);
    if (again === undefined) return retried;
    const wider = isWider(again, asked);
    if (!wider && second.isToken) return retried;
    if (!wider) second.refused();
    const third = await answers.to(again, request);
    if (third === undefined || sameAnswer(second, third)) return retried;
    await letGo(retried);
    challenges.set(key, again);
    return next(authorized(request, third));
  };
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
