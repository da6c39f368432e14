import type { Clock } from "../../clock.ts";

export interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

/** What a token is for, and whose it is. */
export interface TokenKey {
  readonly identity: string;
  readonly realm: string;
  readonly service: string;
  readonly scope: string;
}

/** A token is no longer used this long before it ends: it must outlive the request. */
const MARGIN_MS = 5_000;
const MAX_TOKENS = 10_000;

/** Tokens in memory only. Callers that want the same one at the same time ask the server once. */
export class TokenCache {
  readonly #clock: Clock;
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(key: TokenKey, fetch: () => Promise<Token>): Promise<string> {
    const id = idOf(key);
    const known = this.#tokens.get(id);
    if (known !== undefined) {
      const token = await known;
      if (token.expires - MARGIN_MS > this.#clock.now()) return token.value;
      if (this.#tokens.get(id) === known) this.#tokens.delete(id);
    }
    const fetching = this.#tokens.get(id) ?? this.#fetch(id, fetch);
    return (await fetching).value;
  }

  /** A token that was refused is not offered again. */
  forget(key: TokenKey): void {
    this.#tokens.delete(idOf(key));
  }

  #fetch(id: string, fetch: () => Promise<Token>): Promise<Token> {
    if (this.#tokens.size >= MAX_TOKENS) this.#tokens.clear();
    const fetching = fetch().catch((error: unknown) => {
      this.#tokens.delete(id);
      throw error;
    });
    this.#tokens.set(id, fetching);
    return fetching;
  }
}

function idOf({ identity, realm, service, scope }: TokenKey): string {
  return JSON.stringify([identity, realm, service, scope]);
}
