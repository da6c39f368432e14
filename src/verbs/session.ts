import pLimit, { type LimitFunction } from "p-limit";
import { type Clock, systemClock } from "../clock.ts";
import type { EventListener, OperationOptions } from "../content/events.ts";
import type { RequestTrace } from "../content/request-trace.ts";
import type { RetryPolicy } from "../content/retry.ts";
import type { Reference } from "../oci/reference.ts";
import type { CredentialSource } from "../registry/auth/credentials.ts";
import type { DefaultCredentials } from "../registry/auth/sources/default.ts";
import type { RegistryClient, RegistryClientOptions } from "../registry/client.ts";
import type { Repository } from "../registry/repository.ts";
import type { SettingsSource } from "../registry/settings/types.ts";
import type { RequestObserver } from "../registry/trace/trace.ts";
import type { LocalStore } from "../store/local-store.ts";
import type { SpanAttributes, Telemetry } from "./telemetry/open-telemetry.ts";
import type { Layers } from "./unpack/layers.ts";

export interface OpenOptions {
  /** The store's folder. Default: `$LADING_ROOT`, else `$XDG_DATA_HOME/lading`, else `~/.local/share/lading`. */
  readonly root?: string | undefined;
  /** The only source of credentials. Default: the places of `docs/credentials.md`, else anonymous. */
  readonly credentials?: CredentialSource | undefined;
  /** A credential file that is asked before the usual places; must exist. */
  readonly authFile?: string | undefined;
  /**
   * The settings file (lading.toml) in place of the usual ones; `false`: no file of settings is read, of
   * no kind. Default: the places of `docs/registries.md`, as the command line.
   */
  readonly config?: string | false | undefined;
  /** Registries (`host[:port]`) that may be spoken to without TLS; loopback hosts always may. */
  readonly plainHttp?: readonly string[] | undefined;
  /** Hosts that may serve tokens or blobs though the address rules of `docs/realm-policy.md` refuse them. */
  readonly trustHosts?: readonly string[] | undefined;
  /** How registries are spoken to, and their mirrors, in place of what settings files say. */
  readonly settings?: SettingsSource | undefined;
  readonly limits?: Limits | undefined;
  readonly timeouts?: RegistryClientOptions["timeouts"];
  /** From which size on, and how, large blobs are fetched in ranges side by side. */
  readonly parallel?: RegistryClientOptions["parallel"];
  readonly retry?: RetryPolicy | undefined;
  readonly clock?: Clock | undefined;
  readonly userAgent?: string | undefined;
  /** Use system calls that Node lacks, by the optional package koffi, where it is there. Default true. */
  readonly native?: boolean | undefined;
  readonly transport?: RegistryClientOptions["transport"];
  /** Hears of each exchange with a registry when it ended, whatever it was for. Holds no secret. */
  readonly onRequest?: ((trace: RequestTrace) => void) | undefined;
  /**
   * Spans of what is done and of each exchange, by the package `@opentelemetry/api`, which must be
   * there; `docs/tracing.md` says which. Default false.
   */
  readonly openTelemetry?: boolean | undefined;
  /** Hears what no single operation asked for; an operation's own listener comes first. */
  readonly onEvent?: EventListener | undefined;
}

export interface Limits {
  /** Blobs under way at one time in one pull. Default 6. */
  readonly concurrency?: number | undefined;
  /** Blobs under way at one time in all pulls together. Default: no bound but `perHost`. */
  readonly total?: number | undefined;
  /** Requests under way at one time for one host. */
  readonly perHost?: number | undefined;
  /** Threads that unpack layers. Default: one a core, eight at most. */
  readonly threads?: number | undefined;
}

/** What lives between calls: the store, the sockets, the tokens. Each is made when first needed. */
export class Session implements AsyncDisposable {
  readonly options: OpenOptions;
  readonly clock: Clock;
  /** What all pulls take their turns from; `undefined` where nothing bounds them together. */
  readonly limit: LimitFunction | undefined;
  #store: Promise<LocalStore> | undefined;
  #client: Promise<RegistryClient> | undefined;
  #settings: Promise<SettingsSource> | undefined;
  #layers: Promise<Layers> | undefined;
  #telemetry: Promise<Telemetry> | undefined;

  constructor(options: OpenOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const { total } = options.limits ?? {};
    this.limit = total === undefined ? undefined : pLimit(total);
  }

  store(): Promise<LocalStore> {
    this.#store ??= import("../store/local-store.ts").then(({ openStore }) =>
      openStore({ root: this.options.root, clock: this.clock }),
    );
    return this.#store;
  }

  layers(): Promise<Layers> {
    this.#layers ??= this.#openLayers().catch((error: unknown) => {
      // The next call tries again: a full disk may have room by then.
      this.#layers = undefined;
      throw error;
    });
    return this.#layers;
  }

  /** What speaks to registries. */
  registry(): Promise<RegistryClient> {
    this.#client ??= import("../registry/client.ts").then(async ({ createRegistryClient }) =>
      createRegistryClient({
        settings: await this.settings(),
        credentials: this.options.credentials,
        authFile: this.options.authFile,
        plainHttp: this.options.plainHttp,
        trustHosts: this.options.trustHosts,
        perHost: this.options.limits?.perHost,
        timeouts: this.options.timeouts,
        parallel: this.options.parallel,
        retry: this.options.retry,
        clock: this.clock,
        userAgent: this.options.userAgent,
        transport: this.options.transport,
        observers: await this.#observers(),
      }),
    );
    return this.#client;
  }

  async repository(reference: Reference): Promise<Repository> {
    const client = await this.registry();
    return client.repository(reference);
  }

  /** Where credentials come from. */
  async credentials(): Promise<DefaultCredentials> {
    const client = await this.registry();
    return client.credentials;
  }

  /** How registries are spoken to: what files and options come to. */
  settings(): Promise<SettingsSource> {
    this.#settings ??= this.#loadSettings();
    return this.#settings;
  }

  /** Runs work in a span of its own, where spans are asked for. */
  async span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T> {
    const telemetry = await this.#openTelemetry();
    return telemetry === undefined ? work() : telemetry.span(name, attributes, work);
  }

  /** An operation's options with the session's defaults. */
  operation<T extends OperationOptions>(options: T): T {
    return { ...options, onEvent: options.onEvent ?? this.options.onEvent };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled([this.#client, this.#layers, this.#store]);
    for (const part of opened) {
      if (part.status === "fulfilled") await part.value?.[Symbol.asyncDispose]();
    }
  }

  async #openTelemetry(): Promise<Telemetry | undefined> {
    if (this.options.openTelemetry !== true) return undefined;
    this.#telemetry ??= import("./telemetry/open-telemetry.ts").then(({ openTelemetry }) =>
      openTelemetry(),
    );
    return this.#telemetry;
  }

  async #observers(): Promise<readonly RequestObserver[]> {
    const { onRequest } = this.options;
    const telemetry = await this.#openTelemetry();
    return [...(telemetry ? [telemetry.observer] : []), ...(onRequest ? [() => onRequest] : [])];
  }

  async #openLayers(): Promise<Layers> {
    const { layout } = await this.store();
    const { limits, native } = this.options;
    const { openLayers } = await import("./unpack/layers.ts");
    return openLayers(layout, this.clock, { threads: limits?.threads, native });
  }

  async #loadSettings(): Promise<SettingsSource> {
    const { config, settings, plainHttp, trustHosts, onEvent } = this.options;
    if (settings !== undefined) return settings;
    const { loadSettings } = await import("../registry/settings/load.ts");
    const { placeOf } = await import("../registry/settings/problem.ts");
    return loadSettings({
      config,
      plainHttp,
      trustHosts,
      onProblem: (problem) =>
        onEvent?.({
          type: "warning",
          code: "config",
          message: `${placeOf(problem)}: ${problem.message}`,
        }),
    });
  }
}
