import type { Clock } from "../../../clock.ts";
import type { Send } from "../../http/message.ts";
import type { Credential } from "../credentials.ts";

/** A cloud whose registries take credentials that its own tools leave in variables. */
export interface Provider {
  /** For people: "ECR". */
  readonly name: string;
  /** What to set, or which helper to use where that is not enough. */
  readonly wants: string;
  matches(registry: string): boolean;
  /** `undefined`: its variables are not set. */
  get(registry: string, context: ProviderContext): Promise<Provided | undefined>;
}

export interface Provided {
  readonly credential: Credential;
  /** Milliseconds since the epoch. Default: as long as variables are believed. */
  readonly expires?: number | undefined;
}

export interface ProviderContext {
  readonly environment: NodeJS.ProcessEnv;
  /** Reaches the cloud's own servers: without the registry's credentials. */
  readonly send: Send;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}
