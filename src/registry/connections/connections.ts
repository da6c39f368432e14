import type { ClientRequest, Agent as HttpAgent, RequestOptions } from "node:http";
import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Clock, systemClock } from "../../clock.ts";
import { type AddressClass, classify, isLoopback, mayReach } from "../http/address.ts";
import type { HttpResponse, RequestScope } from "../http/message.ts";
import { isUntrusted } from "../http/network-error.ts";
import { defaultTimeouts, type Timeouts } from "../http/timeouts.ts";
import { proxyAuthorization } from "../proxy/authorization.ts";
import type { NamedProxy, ProxyEnvironment } from "../proxy/environment.ts";
import { refusedProxy } from "../proxy/errors.ts";
import { plainHost } from "../proxy/no-proxy.ts";
import { proxiedClass, proxiedPeer } from "../proxy/policy.ts";
import { routeFor } from "../proxy/route.ts";
import { endpointOf } from "../settings/endpoint.ts";
import { plainSettings } from "../settings/plain.ts";
import type { EndpointSettings, SettingsSource } from "../settings/types.ts";
import { type Roots, SecureContexts } from "../tls/context.ts";
import { classOf, makeAgent, type Way } from "./agents.ts";
import { refusedAddress } from "./lookup.ts";
import type { Transport } from "./transport.ts";
import { isTrusted } from "./trusted.ts";

export interface ConnectionsOptions {
  readonly transport?: Transport | undefined;
  /** Default: nothing is known of any host. */
  readonly settings?: SettingsSource | undefined;
  /** Default: no proxy. */
  readonly proxies?: ProxyEnvironment | undefined;
  /** Default: Node's own list. */
  readonly roots?: Roots | undefined;
  readonly clock?: Clock | undefined;
}

/** A connection to be: addresses are checked when it is made, so that no name can change in between. */
export interface Connection {
  request(options: RequestOptions): ClientRequest;
  onConnected(request: ClientRequest, connected: () => void): void;
  peer(request: ClientRequest): AddressClass;
  /** For whoever watches. */
  facts(request: ClientRequest): NonNullable<HttpResponse["connection"]>;
  readonly timeouts: Timeouts;
  /** Who passes it on. */
  readonly proxy: NamedProxy | undefined;
  /** Whether an error was to be expected of a first try, and a new connection should be prepared. */
  again(error: unknown): boolean;
  /** Hosts whose certificates are not verified: its own, a proxy's. */
  readonly unverified: readonly string[];
}

const MAX_HEADERS = 64 * 1024;

/**
 * Our own keep-alive agents: one for each reach, so that no allowed socket serves a refused request;
 * and for each proxy and TLS settings, so that no certificate and no trust of one host serves another.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #settings: SettingsSource;
  readonly #contexts: SecureContexts;
  readonly #agents = new Map<string, Promise<HttpAgent>>();
  readonly #peers = new WeakMap<object, AddressClass>();
  readonly #ready = new WeakSet<object>();
  /** Of this machine, and found to speak TLS. */
  readonly #speakTls = new Set<string>();
  /** On their way to a proxy: no agent knows them yet. */
  readonly #opening = new Set<Socket>();

  constructor(options: ConnectionsOptions = {}) {
    this.#options = options;
    this.#settings = options.settings ?? plainSettings();
    const ca = options.transport?.ca;
    this.#contexts = new SecureContexts(
      ca === undefined ? (options.roots ?? (async () => undefined)) : async () => [ca].flat(),
    );
  }

  /** Of time-outs those of the request count first, then what the settings say of its origin. */
  async prepare(
    url: URL,
    scope: RequestScope,
    usual: Timeouts = defaultTimeouts,
  ): Promise<Connection> {
    const endpoint = await endpointOf(this.#settings, { url, scope });
    const route = routeFor(url, endpoint, this.#options.proxies ?? (() => undefined));
    const proxy = route.via === "proxy" ? route : undefined;
    if (proxy !== undefined) checkProxy(proxy);
    const reach = await this.#checked(url, scope, proxy !== undefined);
    const timeouts = { ...usual, ...endpoint.timeouts, ...scope.timeouts };
    const secure = url.protocol === "https:";
    // What a proxy is asked to pass on goes to the proxy, which is of the user's choice.
    const forwarded = !secure && proxy !== undefined;
    const proxyTls = proxy && (await this.#proxyTls(proxy));
    const { connectMs } = timeouts;
    const trusting = proxy !== undefined || !this.#mayBePlain(url, endpoint);
    const agent = await this.#agent(
      forwarded
        ? { ...TO_PROXY, secure: proxyTls !== undefined, tls: proxyTls ?? endpoint.tls, connectMs }
        : { secure, reach, route, tls: endpoint.tls, trusting, proxyTls, connectMs },
    );
    const target = forwarded ? proxy.proxy : url;
    const { request } = await clientFor(target);
    return {
      request: (options) =>
        forwarded
          ? request(withoutUser(proxy), { ...passedOn(url, proxy, options), agent })
          : request(url, { ...options, agent, maxHeaderSize: MAX_HEADERS }),
      onConnected: (outgoing, connected) => this.#onConnected(outgoing, connected),
      // Of a peer that is not known nobody can say that it is inside.
      peer: ({ socket }) =>
        proxy === undefined
          ? ((socket && this.#peers.get(socket)) ?? "public")
          : proxiedPeer(url.hostname),
      facts: ({ socket, reusedSocket }) => ({
        reused: reusedSocket,
        ...remoteOf(socket),
        ...(proxy === undefined ? {} : { proxy: proxy.proxy.host }),
      }),
      again: (error) => {
        if (trusting || !isUntrusted(error)) return false;
        this.#speakTls.add(url.host);
        return true;
      },
      timeouts,
      proxy,
      unverified: [
        ...(secure && endpoint.tls.skipVerify ? [url.host] : []),
        ...(proxy !== undefined && proxyTls?.skipVerify ? [proxy.proxy.host] : []),
      ],
    };
  }

  async close(): Promise<void> {
    for (const agent of this.#agents.values()) (await agent.catch(() => undefined))?.destroy();
    for (const socket of this.#opening) socket.destroy();
  }

  /**
   * A registry of this machine often speaks no TLS, which shows before any certificate: reading the
   * system's authorities for that would be in vain. Without any, none that does is taken for verified.
   */
  #mayBePlain({ protocol, hostname, host }: URL, { tls }: EndpointSettings): boolean {
    const told = tls.ca.length > 0 || tls.client.length > 0;
    return protocol === "https:" && isLoopback(hostname) && !told && !this.#speakTls.has(host);
  }

  /** What the settings say of the proxy's own origin. */
  async #proxyTls({ proxy }: NamedProxy): Promise<Way["tls"] | undefined> {
    if (proxy.protocol !== "https:") return undefined;
    return (await this.#settings.forOrigin(proxy.origin)).tls;
  }

  /** How far the request may reach; throws when its host alone tells that this is not far enough. */
  async #checked(url: URL, scope: RequestScope, proxied: boolean): Promise<AddressClass> {
    const { trustHosts } = await this.#settings.forRegistry(scope.mirrorOf ?? scope.registry);
    const reach = isTrusted(trustHosts, url) ? "loopback" : (scope.reach ?? "loopback");
    const host = plainHost(url.hostname);
    const known = proxied ? proxiedClass(host) : isIP(host) === 0 ? undefined : classify(host);
    if (known !== undefined && !mayReach(reach, known)) throw refusedAddress(url, host);
    return reach;
  }

  #agent(way: Way): Promise<HttpAgent> {
    const key = JSON.stringify(way);
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const made = makeAgent(way, {
      transport: this.#options.transport ?? {},
      contexts: this.#contexts,
      clock: this.#options.clock ?? systemClock,
      onSocket: (socket, secure, address) => this.#watch(socket, secure, address),
      hold: (socket) => {
        this.#opening.add(socket);
        return () => this.#opening.delete(socket);
      },
    }).catch((error: unknown) => {
      this.#agents.delete(key);
      throw error;
    });
    this.#agents.set(key, made);
    return made;
  }

  /** Notes who answers while the connection is whole: after a reset the kernel no longer says. */
  #watch(socket: Duplex, secure: boolean, address: string | undefined): void {
    const note = (): void => {
      const found = classOf(socket, address);
      if (found !== undefined) this.#peers.set(socket, found);
    };
    if (address !== undefined) note();
    socket.once("connect", note);
    socket.once(secure ? "secureConnect" : "connect", () => this.#ready.add(socket));
  }

  #onConnected(outgoing: ClientRequest, connected: () => void): void {
    outgoing.once("socket", (socket: Socket) => {
      if (this.#ready.has(socket)) connected();
      else socket.once("encrypted" in socket ? "secureConnect" : "connect", connected);
    });
  }
}

/** Of a name its addresses are looked at when it is connected to. */
function checkProxy(named: NamedProxy): void {
  const host = plainHost(named.proxy.hostname);
  if (isIP(host) !== 0 && classify(host) === "refused") throw refusedProxy(named);
}

/** A proxy is the user's own choice, and may be at any address but a refused one. */
const TO_PROXY = {
  reach: "loopback",
  route: { via: "direct" },
  trusting: true,
  proxyTls: undefined,
} as const;

function remoteOf(socket: Socket | null): { readonly remote?: string } {
  const { remoteAddress, remotePort } = socket ?? {};
  if (remoteAddress === undefined) return {};
  return {
    remote: `${isIP(remoteAddress) === 6 ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`,
  };
}

function clientFor({ protocol }: URL): Promise<Pick<typeof import("node:http"), "request">> {
  return protocol === "https:" ? import("node:https") : import("node:http");
}

/** The URL would give its user and password to Node, which makes an `Authorization` of them. */
function withoutUser({ proxy }: NamedProxy): URL {
  return new URL(proxy.origin);
}

/** A request in absolute form (RFC 9112 section 3.2.2). The proxy's password is in no header that others see. */
function passedOn(url: URL, { proxy }: NamedProxy, options: RequestOptions): RequestOptions {
  return {
    ...options,
    path: `${url.origin}${url.pathname}${url.search}`,
    headers: { ...options.headers, host: url.host, ...proxyAuthorization(proxy) },
    maxHeaderSize: MAX_HEADERS,
  };
}
