import { request } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../../clock.ts";
import { proxyAuthorization } from "./authorization.ts";
import type { NamedProxy } from "./environment.ts";
import { badTunnel, proxyDown, proxyTimedOut, refusedByProxy, wantsAccount } from "./errors.ts";

export interface TunnelOptions {
  /** To the proxy: connecting, or connected. */
  readonly socket: Socket;
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

const MAX_HEADERS = 16 * 1024;

/**
 * Asks a proxy for a connection to a host (RFC 9110 section 9.3.6). What the proxy answers is bounded in
 * size and time; the proxy's own password goes to it alone, in this one request.
 */
export function openTunnel(named: NamedProxy, options: TunnelOptions): Promise<Socket> {
  const { socket, host, port, timeoutMs, clock } = options;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      cancelTimer();
      reject(error);
      socket.destroy();
    };
    const cancelTimer = clock.after(timeoutMs, () => fail(proxyTimedOut(named)));
    const outgoing = request({
      method: "CONNECT",
      path: authority,
      headers: { host: authority, connection: "keep-alive", ...proxyAuthorization(named.proxy) },
      maxHeaderSize: MAX_HEADERS,
      setHost: false,
      createConnection: () => socket,
    });
    outgoing.on("error", (error) => fail(proxyDown(named, error)));
    outgoing.on("connect", ({ statusCode = 0 }, tunnel: Socket, head) => {
      if (statusCode === 407) fail(wantsAccount(named));
      else if (statusCode < 200 || statusCode > 299) {
        fail(refusedByProxy(named, authority, statusCode));
      } else if (head.length > 0) {
        // Who speaks TLS waits for us to speak first.
        fail(badTunnel(named));
      } else {
        cancelTimer();
        resolve(tunnel);
      }
    });
    outgoing.end();
  });
}
