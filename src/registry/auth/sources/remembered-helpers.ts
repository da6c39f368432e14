import type { Clock } from "../../../clock.ts";
import { credentialHelper } from "../credential-helper/credential-helper.ts";
import { type Credential, identityOf } from "../credentials.ts";
import { Remembered } from "./remember.ts";

/** A helper takes a tenth of a second or asks a person for a password: not for each request. */
const REMEMBERED_MS = 5 * 60_000;
/** Somebody who was told to log in does so, and tries again. */
const NONE_REMEMBERED_MS = 30_000;

export interface HelperAnswer {
  readonly credential: Credential | undefined;
  /** Under which name it was known, or the last one asked for. */
  readonly server: string;
  readonly program: string;
}

/** Helpers, asked once for many requests. */
export class RememberedHelpers {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clock: Clock;
  readonly #answers: Remembered<HelperAnswer>;

  constructor(environment: NodeJS.ProcessEnv, clock: Clock) {
    this.#environment = environment;
    this.#clock = clock;
    this.#answers = new Remembered(clock);
  }

  /** The first of the servers that the helper knows. */
  get(
    { name, servers }: { readonly name: string; readonly servers: readonly string[] },
    signal: AbortSignal | undefined,
  ): Promise<HelperAnswer> {
    const helper = credentialHelper(name);
    const { program } = helper;
    const options = { environment: this.#environment, clock: this.#clock };
    return this.#answers.get(JSON.stringify([name, servers]), signal, async (signal) => {
      let last = "";
      for (const server of servers) {
        const credential = await helper.get(server, { ...options, signal });
        const expires = this.#clock.now() + REMEMBERED_MS;
        if (credential !== undefined) return { value: { credential, server, program }, expires };
        last = server;
      }
      const expires = this.#clock.now() + NONE_REMEMBERED_MS;
      return { value: { credential: undefined, server: last, program }, expires };
    });
  }

  refused(identity: string): void {
    this.#answers.forget(({ credential }) => identityOf(credential) === identity);
  }

  clear(): void {
    this.#answers.clear();
  }
}
