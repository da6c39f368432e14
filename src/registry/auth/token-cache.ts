import type { Clock } from "../../clock.ts";
import { LadingError, untilAborted } from "../../errors.ts";

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
  readonly #tokens = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `fetch` heeds the signal by itself. */
  async get(key: TokenKey, fetch: () => Promise<Token>, signal?: AbortSignal): Promise<string> {
    const id = idOf(key);
    for (;;) {
      const known = this.#tokens.get(id);
      if (known === undefined) return (await this.#fetch(id, fetch).token).value;
      const onItsWay = known.value === undefined;
      const token = await untilAborted(known.token.catch(unlessAborted), signal);
      const lasts = token !== undefined && token.expires - MARGIN_MS > this.#clock.now();
      if (token !== undefined && (onItsWay || lasts)) return token.value;
      if (this.#tokens.get(id) === known) this.#tokens.delete(id);
    }
  }

  /** A token that was refused is not offered again; one that somebody fetched meanwhile is. */
  forget(key: TokenKey, refused: string): void {
    const id = idOf(key);
    if (this.#tokens.get(id)?.value === refused) this.#tokens.delete(id);
  }

  #fetch(id: string, fetch: () => Promise<Token>): Entry {
    if (this.#tokens.size >= MAX_TOKENS) this.#tokens.clear();
    const entry: Entry = {
      token: fetch().then(
        (token) => {
          entry.value = token.value;
          return token;
        },
        (error: unknown) => {
          if (this.#tokens.get(id) === entry) this.#tokens.delete(id);
          throw error;
        },
      ),
    };
    this.#tokens.set(id, entry);
    return entry;
  }
}

interface Entry {
  readonly token: Promise<Token>;
  /** Once it is there. */
  value?: string;
}

/** Whoever asked first gave up; that is not for those to bear who waited with him. */
function unlessAborted(error: unknown): undefined {
  if (error instanceof LadingError && error.code === "aborted") return undefined;
  throw error;
}

function idOf({ identity, realm, service, scope }: TokenKey): string {
  return JSON.stringify([identity, realm, service, scope]);
}
