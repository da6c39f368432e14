import { LadingError } from "../../errors.ts";
import type { AddressClass } from "../http/address.ts";
import type { HttpRequest } from "../http/message.ts";
import { basicAuthorization } from "./basic.ts";
import { tokenServer } from "./bearer.ts";
import type { Challenge } from "./challenge.ts";
import {
  type CredentialOrigin,
  type CredentialSource,
  type FoundCredential,
  identityOf,
  originOf,
} from "./credentials.ts";
import type { FetchToken } from "./token/fetch-token.ts";
import type { TokenCache, TokenKey } from "./token-cache.ts";
import { whoseCredentials } from "./whose.ts";

/** A challenge that can be answered, and who asked it. */
export interface Asked {
  readonly challenge: Challenge;
  readonly peer: AddressClass;
}

/** What is sent for a challenge. */
export interface Answer {
  readonly authorization: string;
  /** Whose it is; `undefined`: nobody's, a token for anyone. */
  readonly from: CredentialOrigin | undefined;
  /** It was given for the credentials, by a token server. */
  readonly isToken: boolean;
  /** The other side did not take it: it is not given again. */
  refused(): void;
}

/** Makes answers out of credentials, and of tokens that a token server gives for them. */
export class Answers {
  readonly #credentials: CredentialSource;
  readonly #fetchToken: FetchToken;
  readonly #tokens: TokenCache;

  constructor(credentials: CredentialSource, fetchToken: FetchToken, tokens: TokenCache) {
    this.#credentials = credentials;
    this.#fetchToken = fetchToken;
    this.#tokens = tokens;
  }

  /** `undefined`: there is nothing to answer with. */
  async to(asked: Asked, request: HttpRequest): Promise<Answer | undefined> {
    const credential = await this.credential(request);
    const direct = directAnswer(asked, credential);
    if (direct === "none") return undefined;
    if (direct !== undefined) {
      const { credential: used, authorization } = direct;
      const refused = (): void => this.#refused(request, used);
      return { authorization, from: originOf(used), isToken: false, refused };
    }
    try {
      return await this.#token(asked, request, credential);
    } catch (error) {
      const fresh = credential && (await this.#afterRefusal(error, request, credential));
      if (fresh === undefined) throw error;
      return this.#token(asked, request, fresh);
    }
  }

  /** The first that there are of those that may go along. */
  async credential(request: HttpRequest): Promise<FoundCredential | undefined> {
    const { signal } = request.operation;
    for (const whose of whoseCredentials(request)) {
      const found = await this.#credentials.get(whose, { signal });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A password may have been changed since it was read: what the source says now, if that differs. */
  async #afterRefusal(
    error: unknown,
    request: HttpRequest,
    credential: FoundCredential,
  ): Promise<FoundCredential | undefined> {
    if (!(error instanceof LadingError) || error.code !== "unauthorized") return undefined;
    this.#refused(request, credential);
    const fresh = await this.credential(request);
    return identityOf(fresh) === identityOf(credential) ? undefined : fresh;
  }

  async #token(
    { challenge, peer }: Asked,
    request: HttpRequest,
    credential: FoundCredential | undefined,
  ): Promise<Answer> {
    const server = tokenServer(challenge, request);
    const { service, scope } = server;
    const identity = identityOf(credential);
    const key: TokenKey = { identity, realm: server.realm.href, service, scope };
    const fetch = () => this.#fetchToken({ server, credential, request, peer });
    const value = await this.#tokens.get(key, fetch, request.operation.signal);
    const refused = (): void => this.#tokens.forget(key, value);
    const from = credential && originOf(credential);
    return { authorization: `Bearer ${value}`, from, isToken: true, refused };
  }

  #refused(request: HttpRequest, credential: FoundCredential): void {
    for (const whose of whoseCredentials(request)) {
      this.#credentials.refused?.(whose, credential);
    }
  }
}

interface Direct {
  readonly authorization: string;
  readonly credential: FoundCredential;
}

/** What needs no token server; `none` where the registry wants a password and there is none. */
function directAnswer(
  { challenge }: Asked,
  credential: FoundCredential | undefined,
): Direct | "none" | undefined {
  if (credential?.kind === "token") {
    return { authorization: `Bearer ${credential.token}`, credential };
  }
  if (challenge.scheme !== "basic") return undefined;
  if (credential?.kind !== "basic") return "none";
  return { authorization: basicAuthorization(credential), credential };
}
