import { type Clock, systemClock } from "../clock.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../content/retry.ts";
import type { Reference } from "../oci/reference.ts";
import { auth } from "./auth/auth-step.ts";
import type { CredentialSource } from "./auth/credentials.ts";
import { dockerConfig } from "./auth/docker-config.ts";
import { Connections, type Transport } from "./http/connect.ts";
import { limitPerHost } from "./http/limit.ts";
import { compose } from "./http/message.ts";
import { redirect } from "./http/redirect.ts";
import { retry } from "./http/retry.ts";
import { scheme } from "./http/scheme.ts";
import { defaultTimeouts, send, type Timeouts } from "./http/send.ts";
import { userAgent } from "./http/user-agent.ts";
import { type ParallelOptions, Repository } from "./repository.ts";

export interface RegistryClientOptions {
  /** Default: docker's config file. */
  readonly credentials?: CredentialSource | undefined;
  /** Registries (`host[:port]`) that are spoken to in http. */
  readonly plainHttp?: readonly string[] | undefined;
  /** Hosts that the address rules let through; link-local and metadata addresses never. */
  readonly trustHosts?: readonly string[] | undefined;
  /** Requests under way at one time for one host. Default 16. */
  readonly perHost?: number | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly clock?: Clock | undefined;
  readonly userAgent?: string | undefined;
  readonly transport?: Transport | undefined;
  /** How large blobs are read side by side. */
  readonly parallel?: Partial<ParallelOptions> | undefined;
}

/** Speaks to registries: owns the sockets, the tokens in memory and the limit for each host. */
export interface RegistryClient extends AsyncDisposable {
  repository(reference: Pick<Reference, "registry" | "repository">): Repository;
}

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const clock = options.clock ?? systemClock;
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const plain = new Set(options.plainHttp ?? []);
  const connections = new Connections(options.transport ?? {}, options.trustHosts ?? []);
  const exchange = send(connections, timeouts, clock);

  const agent = userAgent(options.userAgent ?? "lading");
  const again = retry(options.retry ?? defaultRetryPolicy, clock);
  const limit = limitPerHost(options.perHost ?? 16);
  const sendToken = compose(exchange, [agent, again, redirect, limit]);
  const authenticate = auth({
    credentials: options.credentials ?? dockerConfig(),
    sendToken,
    clock,
  });
  const speak = scheme((host) => plain.has(host));
  const whole = compose(exchange, [agent, again, speak, authenticate, redirect, limit]);

  return {
    repository: ({ registry, repository }) =>
      new Repository(whole, { registry, repository, parallel: options.parallel }),
    [Symbol.asyncDispose]: () => connections.close(),
  };
}
