import type { Agent as HttpAgent } from "node:http";
import { connect as connectTcp, isIP, type LookupFunction, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import type { Clock } from "../../clock.ts";
import { type AddressClass, classify } from "../http/address.ts";
import { openTunnel } from "../proxy/connect-tunnel.ts";
import { connected } from "../proxy/connected.ts";
import { proxyDown } from "../proxy/errors.ts";
import type { Route } from "../proxy/route.ts";
import type { TlsSettings } from "../settings/types.ts";
import type { SecureContexts } from "../tls/context.ts";
import { guardedLookup, systemLookup } from "./lookup.ts";
import type { Transport } from "./transport.ts";

/** All that makes one kind of connection another kind: what was opened for one serves no other. */
export interface Way {
  readonly secure: boolean;
  readonly reach: AddressClass;
  readonly route: Route;
  readonly tls: TlsSettings;
  /** Whether authorities are needed to find out what one wants to know. */
  readonly trusting: boolean;
  /** For a proxy that speaks TLS itself. */
  readonly proxyTls: TlsSettings | undefined;
  /** How long a proxy may take to open a connection. */
  readonly connectMs: number;
}

export interface AgentParts {
  readonly transport: Transport;
  readonly contexts: SecureContexts;
  readonly clock: Clock;
  /** Hears of each socket when it is made, and which address it led to when that is known. */
  readonly onSocket: (socket: Duplex, secure: boolean, address?: string) => void;
  /** Keeps a socket that nobody else knows yet, so that closing ends it; until it is released. */
  readonly hold: (socket: Socket) => () => void;
}

/** Happy eyeballs waits this long for one address; Node's 250 ms gives up on slow networks. */
const ATTEMPT_TIMEOUT_MS = 2500;

const EYEBALLS = {
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
} as const;

/** An agent of our own that keeps connections of one kind. */
export async function makeAgent(way: Way, parts: AgentParts): Promise<HttpAgent> {
  const { secure, route } = way;
  const lookup = guardedLookup(parts.transport.lookup ?? (await systemLookup()), way.reach);
  const agent = await keepingAgent(way, lookup, parts);
  const plain = agent.createConnection.bind(agent);
  const tunnel = secure && route.via === "proxy" ? await tunnelOf(way, route, parts) : undefined;
  agent.createConnection = (options, created) => {
    const host = String(options.host);
    const port = Number(options.port);
    const over = (socket: Socket): Duplex =>
      secure ? (plain({ ...options, socket } as never) as Duplex) : socket;
    const opened =
      tunnel?.(host, port) ??
      (parts.transport.connect && dialInjected(parts.transport.connect, host, port, lookup));
    if (opened === undefined) {
      const socket = plain(options, created);
      if (socket instanceof Socket) parts.onSocket(socket, secure);
      return socket;
    }
    opened.then(
      ({ socket, address }) => {
        const made = over(socket);
        parts.onSocket(made, secure, address);
        created?.(null, made);
      },
      (error: Error) => created?.(error, undefined as never),
    );
    return undefined as never;
  };
  return agent;
}

async function keepingAgent(
  { secure, tls, trusting }: Way,
  lookup: LookupFunction,
  { contexts }: AgentParts,
): Promise<HttpAgent> {
  const common = {
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    scheduling: "lifo",
    lookup,
    ...EYEBALLS,
  } as const;
  if (!secure) return new (await import("node:http")).Agent(common);
  const { Agent } = await import("node:https");
  const secureContext = await contexts.get(tls, trusting && !tls.skipVerify);
  return new Agent({ ...common, secureContext, rejectUnauthorized: !tls.skipVerify });
}

interface Opened {
  readonly socket: Socket;
  readonly address?: string;
}

type Tunnel = (host: string, port: number) => Promise<Opened>;

/** Connections through a proxy. Its own address is the user's choice, and may be any but a refused one. */
async function tunnelOf(
  { connectMs, proxyTls }: Way,
  route: Extract<Route, { via: "proxy" }>,
  { transport, contexts, clock, hold }: AgentParts,
): Promise<Tunnel> {
  const { proxy } = route;
  const lookup = guardedLookup(transport.lookup ?? (await systemLookup()), "loopback");
  const proxyHost = proxy.hostname.replace(/^\[|\]$/g, "");
  const proxyPort = Number(proxy.port || (proxyTls === undefined ? 80 : 443));
  const verified = proxyTls?.skipVerify !== true;
  const context = proxyTls && (await contexts.get(proxyTls, verified));
  return async (host, port) => {
    let socket: Socket;
    try {
      socket =
        transport.connect === undefined
          ? connectTcp({ host: proxyHost, port: proxyPort, lookup, ...EYEBALLS })
          : (await dialInjected(transport.connect, proxyHost, proxyPort, lookup)).socket;
    } catch (error) {
      throw error instanceof Error ? proxyDown(route, error) : error;
    }
    const release = hold(socket);
    try {
      if (context !== undefined) {
        await connected(route, socket, { timeoutMs: connectMs, clock });
      }
      const toProxy =
        context === undefined ? socket : await secured(socket, proxyHost, context, verified);
      const target = { socket: toProxy, host, port, timeoutMs: connectMs, clock };
      return { socket: await openTunnel(route, target) };
    } finally {
      release();
    }
  };
}

async function secured(
  socket: Socket,
  host: string,
  secureContext: SecureContext,
  rejectUnauthorized: boolean,
): Promise<Socket> {
  const { connect } = await import("node:tls");
  const servername = isIP(host) === 0 ? host : undefined;
  const options = { socket, host, secureContext, rejectUnauthorized };
  return connect({ ...options, ...(servername && { servername }) });
}

function dialInjected(
  connect: NonNullable<Transport["connect"]>,
  host: string,
  port: number,
  lookup: LookupFunction,
): Promise<{ readonly socket: Socket; readonly address: string }> {
  return new Promise((resolve, reject) => {
    const open = (address: string): void =>
      resolve({ socket: connect({ address, port }), address });
    if (isIP(host) !== 0) open(host);
    else
      lookup(host, { all: false }, (error, address) =>
        error === null ? open(String(address)) : reject(error),
      );
  });
}

/** The class of the address that a socket led to, once it is connected. */
export function classOf(socket: Duplex, address: string | undefined): AddressClass | undefined {
  const remote = address ?? (socket instanceof Socket ? socket.remoteAddress : undefined);
  return remote === undefined ? undefined : classify(remote);
}
