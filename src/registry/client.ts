import { type Clock, systemClock } from "../clock.ts";
import type { OperationOptions } from "../content/events.ts";
import { defaultRetryPolicy, type RetryPolicy } from "../content/retry.ts";
import type { Reference } from "../oci/reference.ts";
import { auth } from "./auth/auth-step.ts";
import type { CredentialOrigin, CredentialSource } from "./auth/credentials.ts";
import {
  type DefaultCredentials,
  defaultCredentials,
  givenCredentials,
} from "./auth/sources/default.ts";
import { blobRedirects } from "./blob-redirects.ts";
import { Connections } from "./connections/connections.ts";
import type { Transport } from "./connections/transport.ts";
import { hostHeaders } from "./http/host-headers.ts";
import { compose, type Send } from "./http/message.ts";
import { redactUrl } from "./http/redact.ts";
import { redirect } from "./http/redirect.ts";
import { retry } from "./http/retry.ts";
import { scheme } from "./http/scheme.ts";
import { send } from "./http/send.ts";
import { defaultTimeouts, type Timeouts } from "./http/timeouts.ts";
import { userAgent } from "./http/user-agent.ts";
import { Breaker } from "./mirrors/breaker.ts";
import { mirrors } from "./mirrors/mirrors.ts";
import { proxyEnvironment } from "./proxy/environment.ts";
import { queue } from "./queue/queue.ts";
import { rateLimits } from "./rate-limit.ts";
import { type ParallelOptions, Repository } from "./repository.ts";
import { plainSettings } from "./settings/plain.ts";
import type { SettingsSource } from "./settings/types.ts";
import { systemRoots } from "./tls/system-roots.ts";
import { channels } from "./trace/channels.ts";
import { type RequestObserver, trace } from "./trace/trace.ts";
import { warnings } from "./warnings.ts";

export interface RegistryClientOptions {
  /** Default: what `docs/credentials.md` says, in its order. */
  readonly credentials?: CredentialSource | undefined;
  /** Without `credentials`: a credential file that is asked before the usual places. */
  readonly authFile?: string | undefined;
  /** Default: no file's, only the two that follow. */
  readonly settings?: SettingsSource | undefined;
  /** Registries (`host[:port]`) that are spoken to in http. */
  readonly plainHttp?: readonly string[] | undefined;
  /** Hosts that the address rules let through; link-local and metadata addresses never. */
  readonly trustHosts?: readonly string[] | undefined;
  /** Requests under way at one time for one host. Default 16. */
  readonly perHost?: number | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly retry?: RetryPolicy | undefined;
  readonly clock?: Clock | undefined;
  /** For credentials, `HTTPS_PROXY` and its kin, and `SSL_CERT_FILE`. Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly userAgent?: string | undefined;
  readonly transport?: Transport | undefined;
  /** Hear of each exchange, whatever it is for. */
  readonly observers?: readonly RequestObserver[] | undefined;
  /** How large blobs are read side by side. */
  readonly parallel?: Partial<ParallelOptions> | undefined;
}

/** Speaks to registries: owns the sockets, the tokens in memory and the limit for each host. */
export interface RegistryClient extends AsyncDisposable {
  repository(reference: Pick<Reference, "registry" | "repository">): Promise<Repository>;
  /** One request to the registry itself, `GET /v2/`: whether it is there, and whom it takes us for. */
  ping(registry: string, options?: PingOptions): Promise<PingResult>;
  /** Where its credentials come from. */
  readonly credentials: DefaultCredentials;
}

export interface PingOptions extends OperationOptions {
  /** Whose credentials and tokens are tried. Default: those of the registry as a whole. */
  readonly repository?: string | undefined;
  /** In place of the client's own; `null`: the answer to whoever does not say who he is. */
  readonly credentials?: CredentialSource | null | undefined;
}

export interface PingResult {
  readonly status: number;
  /** Where the answer came from. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Where the credentials came from that it answers to; absent: nobody's were sent. */
  readonly sent?: CredentialOrigin | undefined;
}

/** Nobody reads what a registry says there; reading a little keeps the connection. */
const PING_BYTES = 64 * 1024;

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const clock = options.clock ?? systemClock;
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const settings = options.settings ?? plainSettings(options);
  const environment = options.environment ?? process.env;
  const connections = new Connections({
    settings,
    transport: options.transport,
    proxies: proxyEnvironment(environment),
    roots: () => settings.roots?.() ?? systemRoots(environment),
    clock,
  });
  const observers = [channels, ...(options.observers ?? [])];
  const exchange = compose(send(connections, timeouts, clock), [trace(observers, clock)]);

  const agent = userAgent(options.userAgent ?? "lading");
  const again = retry(options.retry ?? defaultRetryPolicy, clock);
  const turns = queue({ settings, perHost: options.perHost ?? 16, clock });
  const headers = hostHeaders(settings);
  const breaker = new Breaker(clock);
  const others = [mirrors({ settings, breaker, clock }), blobRedirects(clock)];
  const heard = [warnings(), rateLimits()];
  const sendToken = compose(exchange, [agent, again, redirect, headers, turns]);
  const speak = scheme(async ({ url, scope }) => {
    const { plainHttp, server } = await settings.forRegistry(scope.registry);
    return plainHttp && server.base.host === url.host;
  });
  const stack = (credentials: CredentialSource | null): Send => {
    const authenticate = credentials === null ? [] : [auth({ credentials, sendToken, clock })];
    const below = [redirect, headers, ...heard, turns];
    return compose(exchange, [agent, ...others, again, speak, ...authenticate, ...below]);
  };
  const credentials =
    options.credentials === undefined
      ? defaultCredentials({
          environment: options.environment,
          authFile: options.authFile,
          clock,
          send: sendToken,
          helperOf: async (registry) => (await settings.forRegistry(registry)).helper,
        })
      : givenCredentials(options.credentials);
  const whole = stack(credentials);

  return {
    credentials,
    async repository({ registry, repository }) {
      const { base } = (await settings.forRegistry(registry)).server;
      const { parallel } = options;
      return new Repository(whole, { registry, repository, base, parallel, breaker });
    },
    async ping(registry, { repository = "", credentials, signal, onEvent } = {}) {
      const { server } = await settings.forRegistry(registry);
      const send = credentials === undefined ? whole : stack(credentials);
      const response = await send({
        method: "GET",
        url: server.base,
        headers: { accept: "*/*" },
        scope: { registry, repository, action: "pull" },
        operation: { signal, onEvent },
      });
      const { status, url, headers, body, credentials: sent } = response;
      await body.bytes(PING_BYTES).catch(() => body.cancel());
      return { status, url: redactUrl(url), headers, sent };
    },
    [Symbol.asyncDispose]: () => connections.close(),
  };
}
