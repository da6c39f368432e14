import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type CancelTimer, type Clock, systemClock } from "../../clock.ts";
import { abortedError, LadingError, throwIfAborted } from "../../errors.ts";
import { networkError } from "../http/network-error.ts";
import type { TlsSettings } from "../settings/types.ts";
import { type Roots, SecureContexts } from "../tls/context.ts";
import type { Transport } from "./transport.ts";

export interface DialOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly transport?: Transport | undefined;
}

/** A connection to one address and nothing more, for who wants to know whether there is one. */
export async function dial(url: URL, address: string, options: DialOptions): Promise<Socket> {
  throwIfAborted(options.signal);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const injected = options.transport?.connect?.({ address, port });
  const socket = injected ?? connectTcp({ host: address, port });
  await within(socket, "connect", url, options);
  return socket;
}

export interface SecureDialOptions extends DialOptions {
  readonly tls: TlsSettings;
  readonly roots: Roots;
}

/** TLS over a connection, by the settings of its host. */
export async function secure(
  url: URL,
  socket: Socket,
  options: SecureDialOptions,
): Promise<TLSSocket> {
  const { tls, roots } = options;
  const { connect } = await import("node:tls");
  const ca = options.transport?.ca;
  const given = ca === undefined ? roots : async () => [ca].flat();
  const secureContext = await new SecureContexts(given).get(tls, !tls.skipVerify);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const secured = connect({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext,
    rejectUnauthorized: !tls.skipVerify,
  });
  await within(secured, "secureConnect", url, options);
  return secured;
}

function within(
  socket: Socket,
  event: "connect" | "secureConnect",
  url: URL,
  { timeoutMs, signal, clock = systemClock }: DialOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let cancelTimer: CancelTimer = () => {};
    const fail = (error: Error): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const abort = (): void => {
      if (signal !== undefined) fail(abortedError(signal));
    };
    const settle = (): void => {
      cancelTimer();
      signal?.removeEventListener("abort", abort);
    };
    cancelTimer = clock.after(timeoutMs, () => fail(tooSlow(url, timeoutMs)));
    signal?.addEventListener("abort", abort, { once: true });
    socket.on("error", (error) => fail(networkError(error, url, false)));
    socket.once("close", () => fail(networkError(new Error("closed"), url, false)));
    socket.once(event, () => {
      settle();
      resolve();
    });
  });
}

function tooSlow({ host }: URL, timeoutMs: number): LadingError {
  return new LadingError("network", `${host}: no connection in ${timeoutMs} ms`, {
    transient: true,
    hint: "a firewall that swallows connections looks like this; does the network want a proxy (HTTPS_PROXY)?",
  });
}
