import type { LookupAddress } from "node:dns";
import type { ClientRequest, Agent as HttpAgent, RequestOptions } from "node:http";
import { isIP, type LookupFunction, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { LadingError } from "../../errors.ts";
import { type AddressClass, classify, mayReach } from "./address.ts";
import type { RequestScope } from "./message.ts";
import { redactUrl } from "./redact.ts";

/** How connections are made, passed in: a test sees each attempt, or prevents it. */
export interface Transport {
  /** In place of the system's resolver. */
  readonly lookup?: (hostname: string) => Promise<readonly LookupAddress[]>;
  /** In place of a TCP connection to an address that was resolved and allowed. */
  readonly connect?: (target: { readonly address: string; readonly port: number }) => Socket;
  /** Certificates to trust in place of the system's, PEM. */
  readonly ca?: string | readonly string[] | undefined;
}

/** A connection to be: addresses are checked when it is made, so that no name can change in between. */
export interface Connection {
  request(options: RequestOptions): ClientRequest;
  onConnected(request: ClientRequest, connected: () => void): void;
  peer(request: ClientRequest): AddressClass;
}

/** Happy eyeballs waits this long for one address; Node's 250 ms gives up on slow networks. */
const ATTEMPT_TIMEOUT_MS = 2500;
const MAX_HEADERS = 64 * 1024;

/** Our own keep-alive agents, one for each reach, so that no allowed socket serves a refused request. */
export class Connections {
  readonly #transport: Transport;
  readonly #trusted: ReadonlySet<string>;
  readonly #agents = new Map<string, Promise<HttpAgent>>();
  readonly #peers = new WeakMap<object, AddressClass>();

  constructor(transport: Transport, trustHosts: readonly string[]) {
    this.#transport = transport;
    this.#trusted = new Set(trustHosts);
  }

  async prepare(url: URL, scope: RequestScope): Promise<Connection> {
    const trusted = this.#trusted.has(url.host) || this.#trusted.has(url.hostname);
    const reach = trusted ? "loopback" : (scope.reach ?? "loopback");
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) !== 0 && !mayReach(reach, classify(host))) throw refused(url, host);
    const secure = url.protocol === "https:";
    const agent = await this.#agent(secure, reach);
    const { request } = secure ? await import("node:https") : await import("node:http");
    const peers = this.#peers;
    return {
      request: (options) => request(url, { ...options, agent, maxHeaderSize: MAX_HEADERS }),
      onConnected(outgoing, connected) {
        outgoing.once("socket", (socket: Socket) => {
          if (!socket.connecting) connected();
          else socket.once(secure ? "secureConnect" : "connect", connected);
        });
      },
      // Of a peer that is not known nobody can say that it is inside.
      peer: ({ socket }) => (socket && peers.get(socket)) ?? "public",
    };
  }

  async close(): Promise<void> {
    for (const agent of this.#agents.values()) (await agent).destroy();
  }

  #agent(secure: boolean, reach: AddressClass): Promise<HttpAgent> {
    const key = `${secure} ${reach}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const made = this.#makeAgent(secure, reach);
    this.#agents.set(key, made);
    return made;
  }

  async #makeAgent(secure: boolean, reach: AddressClass): Promise<HttpAgent> {
    const { Agent } = secure ? await import("node:https") : await import("node:http");
    const lookup = guardedLookup(this.#transport.lookup ?? (await systemLookup()), reach);
    const { connect, ca } = this.#transport;
    const agent = new Agent({
      keepAlive: true,
      maxSockets: Number.POSITIVE_INFINITY,
      scheduling: "lifo",
      lookup,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
      ...(ca === undefined ? {} : { ca: [ca].flat() }),
    });
    return connect === undefined ? this.#watched(agent) : this.#injected(agent, connect, lookup);
  }

  /** Notes who answers while the connection is whole: after a reset the kernel no longer says. */
  #watched(agent: HttpAgent): HttpAgent {
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (options, created) => {
      const socket = create(options, created);
      if (socket instanceof Socket) {
        socket.once("connect", () => {
          if (socket.remoteAddress === undefined) return;
          this.#peers.set(socket, classify(socket.remoteAddress));
        });
      }
      return socket;
    };
    return agent;
  }

  #injected(agent: HttpAgent, connect: NonNullable<Transport["connect"]>, lookup: LookupFunction) {
    const secure = agent.createConnection.bind(agent);
    const isSecure = "maxCachedSessions" in agent;
    agent.createConnection = (options, created) => {
      const host = String(options.host);
      const port = Number(options.port);
      const open = (error: Error | null, address: string): void => {
        if (error !== null) {
          created?.(error, undefined as never);
          return;
        }
        const socket = connect({ address, port });
        const made: Duplex = isSecure
          ? (secure({ ...options, socket } as never) as Duplex)
          : socket;
        this.#peers.set(made, classify(address));
        created?.(null, made);
      };
      if (isIP(host) !== 0) open(null, host);
      else lookup(host, { all: false }, (error, address) => open(error, String(address)));
      return undefined as never;
    };
    return agent;
  }
}

type Lookup = NonNullable<Transport["lookup"]>;

async function systemLookup(): Promise<Lookup> {
  const { lookup } = await import("node:dns/promises");
  return (hostname) => lookup(hostname, { all: true, verbatim: true });
}

/** Resolves, and leaves only addresses that may be reached; with none left there is no connection. */
function guardedLookup(lookup: Lookup, reach: AddressClass): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname).then(
      (addresses) => {
        const allowed = addresses.filter(({ address }) => mayReach(reach, classify(address)));
        const [first] = allowed;
        if (first === undefined) {
          callback(refusedName(hostname, addresses[0]?.address ?? "nothing"), "", 0);
        } else if (options.all) callback(null, [...allowed]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, "", 0),
    );
  };
}

const HINT =
  "an answer must not lead to a less public network than the registry's; see docs/realm-policy.md, and --trust-host (trustHosts) for hosts of your own";

function refused(url: URL, address: string): LadingError {
  return new LadingError("refused", `a connection to ${address} is refused`, {
    url: redactUrl(url),
    hint: HINT,
  });
}

function refusedName(hostname: string, address: string): LadingError {
  return new LadingError("refused", `a connection to ${hostname} is refused: it is ${address}`, {
    hint: HINT,
  });
}
