import pLimit, { type LimitFunction } from "p-limit";
import { type Clock, systemClock } from "../clock.ts";
import type { EventListener, OperationOptions } from "../content/events.ts";
import type { RetryPolicy } from "../content/retry.ts";
import type { Reference } from "../oci/reference.ts";
import type { CredentialSource } from "../registry/auth/credentials.ts";
import type { RegistryClient, RegistryClientOptions } from "../registry/client.ts";
import type { Repository } from "../registry/repository.ts";
import type { LocalStore } from "../store/local-store.ts";
import type { Layers } from "./unpack/layers.ts";

export interface OpenOptions {
  /** The store's folder. Default: `$LADING_ROOT`, else `$XDG_DATA_HOME/lading`, else `~/.local/share/lading`. */
  readonly root?: string | undefined;
  /** Default: the `auths` of docker's config file, else anonymous. */
  readonly credentials?: CredentialSource | undefined;
  /** Registries (`host[:port]`) that may be spoken to without TLS; loopback hosts always may. */
  readonly plainHttp?: readonly string[] | undefined;
  /** Hosts that may serve tokens or blobs though the address rules of `docs/realm-policy.md` refuse them. */
  readonly trustHosts?: readonly string[] | undefined;
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
  #layers: Promise<Layers> | undefined;

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

  async repository(reference: Reference): Promise<Repository> {
    const client = await this.#registry();
    return client.repository(reference);
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

  async #openLayers(): Promise<Layers> {
    const { layout } = await this.store();
    const { limits, native } = this.options;
    const { openLayers } = await import("./unpack/layers.ts");
    return openLayers(layout, this.clock, { threads: limits?.threads, native });
  }

  #registry(): Promise<RegistryClient> {
    this.#client ??= import("../registry/client.ts").then(({ createRegistryClient }) =>
      createRegistryClient({
        credentials: this.options.credentials,
        plainHttp: this.options.plainHttp,
        trustHosts: this.options.trustHosts,
        perHost: this.options.limits?.perHost,
        timeouts: this.options.timeouts,
        parallel: this.options.parallel,
        retry: this.options.retry,
        clock: this.clock,
        userAgent: this.options.userAgent,
        transport: this.options.transport,
      }),
    );
    return this.#client;
  }
}
