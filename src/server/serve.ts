import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Clock, systemClock } from "../clock.ts";
import { LadingError } from "../errors.ts";
import { basicGate, bearerGate, type Gate, openGate, type ServerAuth } from "./auth.ts";
import type { ServedContent } from "./content.ts";
import { answer } from "./router.ts";

export interface ServeContentOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default 0: a free one. */
  readonly port?: number | undefined;
  readonly auth?: ServerAuth | undefined;
  readonly clock?: Clock | undefined;
  /** Hears of each request once it is answered. */
  readonly onRequest?: ((request: ServedRequest) => void) | undefined;
}

export interface ServedRequest {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

export interface RunningServer extends AsyncDisposable {
  /** `http://127.0.0.1:41234` */
  readonly url: string;
  /** `127.0.0.1:41234`: what a reference begins with. */
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves content by the read side of the distribution API. */
export async function serve(
  content: ServedContent,
  options: ServeContentOptions = {},
): Promise<RunningServer> {
  const { createServer } = await import("node:http");
  const { host = "127.0.0.1", port = 0, clock = systemClock, onRequest } = options;
  const gate = gateOf(options.auth, clock);
  const limits = { maxHeaderSize: 32 * 1024, requestTimeout: 30_000, headersTimeout: 15_000 };
  const server = createServer(limits, (request, response) => {
    const started = clock.now();
    response.on("close", () => onRequest?.(describe(request, response, clock.now() - started)));
    void answer({ content, gate, base: baseOf(request, server) }, request, response);
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await listen(server, host, port);
  const close = (): Promise<void> => closed(server, sockets);
  const address = addressOf(server);
  return {
    url: `http://${address}`,
    address,
    port: (server.address() as AddressInfo).port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function gateOf(auth: ServerAuth | undefined, clock: Clock): Gate {
  if (auth === undefined) return openGate();
  return auth.kind === "basic" ? basicGate(auth.users) : bearerGate(auth, clock);
}

/** Where the client found us, so that a token realm is reachable for it; checked as it is its word. */
function baseOf(request: IncomingMessage, server: Server): string {
  const host = request.headers.host ?? "";
  return `http://${/^[A-Za-z0-9.[\]:-]{1,255}$/.test(host) ? host : addressOf(server)}`;
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new LadingError("network", `can't listen on ${host}:${port}`, {
          cause,
          hint: "is the port taken, or the address not one of this machine's?",
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
}

function closed(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

function describe(request: IncomingMessage, response: ServerResponse, ms: number): ServedRequest {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  return { method: request.method ?? "", path, status: response.statusCode, ms };
}
