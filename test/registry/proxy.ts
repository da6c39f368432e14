import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Issued } from "./certificates.ts";

export interface ProxyOptions {
  /** Asked for with 407; without it everyone may pass. */
  readonly account?: { readonly username: string; readonly password: string };
  /** Spoken to over TLS itself. */
  readonly tls?: Issued;
  /** Where a host is, for names that only the proxy knows. Default: where the name says. */
  readonly resolve?: (host: string) => { readonly host: string; readonly port: number } | undefined;
  /** Answers CONNECT in place of the proxy. */
  readonly onConnect?: (socket: Socket, request: IncomingMessage) => void;
}

/** A proxy on a real socket: CONNECT for https, requests in absolute form for http. */
export class TestProxy implements AsyncDisposable {
  /** `CONNECT registry.example:443`, `GET http://registry.example/v2/`, in order. */
  readonly asked: string[] = [];
  /** The `Proxy-Authorization` of each, decoded. */
  readonly accounts: (string | undefined)[] = [];
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? createServer() : createSecureServer(options.tls);
    this.#server.on("request", (request, response) => this.#forward(request, response));
    this.#server.on("connect", (request: IncomingMessage, socket: Socket) =>
      this.#tunnel(request, socket),
    );
    this.#server.on("connection", (socket: Socket) => this.#keep(socket));
  }

  static async start(options: ProxyOptions = {}): Promise<TestProxy> {
    const proxy = new TestProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As `HTTPS_PROXY` takes it, with user and password where it wants them. */
  get url(): string {
    const { account, tls } = this.#options;
    const user =
      account && `${encodeURIComponent(account.username)}:${encodeURIComponent(account.password)}@`;
    return `${tls === undefined ? "http" : "https"}://${user ?? ""}127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "" } = incoming;
    if (!this.#welcome(`${method} ${url}`, incoming)) {
      response.writeHead(407, { "proxy-authenticate": 'Basic realm="proxy"' }).end();
      return;
    }
    const target = new URL(url);
    const { host, port } = this.#place(target.hostname, Number(target.port || 80));
    const { "proxy-authorization": _account, ...headers } = incoming.headers;
    const path = `${target.pathname}${target.search}`;
    const outgoing = request({ host, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => response.writeHead(502).end());
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  #tunnel(incoming: IncomingMessage, socket: Socket): void {
    socket.on("error", () => {});
    const welcome = this.#welcome(`CONNECT ${incoming.url}`, incoming);
    if (this.#options.onConnect !== undefined) {
      this.#options.onConnect(socket, incoming);
      return;
    }
    if (!welcome) {
      socket.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"\r\n\r\n',
      );
      return;
    }
    const { hostname, port: asked } = new URL(`http://${incoming.url}`);
    const { host, port } = this.#place(hostname, Number(asked || 80));
    const through = connect(port, host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      through.pipe(socket);
      socket.pipe(through);
    });
    this.#keep(through);
    through.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    socket.on("close", () => through.destroy());
    through.on("close", () => socket.destroy());
  }

  #welcome(line: string, { headers }: IncomingMessage): boolean {
    const [, encoded] = /^Basic (.+)$/.exec(headers["proxy-authorization"] ?? "") ?? [];
    const given = encoded && Buffer.from(encoded, "base64").toString();
    this.asked.push(line);
    this.accounts.push(given);
    const { account } = this.#options;
    return account === undefined || given === `${account.username}:${account.password}`;
  }

  #place(host: string, port: number): { readonly host: string; readonly port: number } {
    const bare = host.replace(/^\[|\]$/g, "");
    return this.#options.resolve?.(bare) ?? { host: bare, port };
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
