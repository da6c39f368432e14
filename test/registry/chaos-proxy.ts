import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../src/testkit/random.ts";
import type { Issued } from "./certificates.ts";

/** What a network and a busy registry do to a request. */
export const FAULTS = [
  "drop",
  "reset",
  "delay",
  "truncate",
  "429",
  "429 with Retry-After",
  "500",
  "502",
  "503 with Retry-After",
] as const;

export type Fault = (typeof FAULTS)[number];

export interface ChaosOptions {
  /** Port of the server on this machine that it stands before. */
  readonly target: number;
  readonly random: Random;
  /** Of how many requests something happens to: 0.2. */
  readonly rate: number;
  /** Speaks TLS to its clients. */
  readonly tls?: Issued | undefined;
  /** Where a request is sent with 307 in place of being passed on. */
  readonly redirect?: ((path: string) => string | undefined) | undefined;
}

export interface ChaosRequest {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly fault: Fault | undefined;
}

/** A reverse proxy that passes on what it gets, but for what it drops, delays, cuts off and refuses. */
export class ChaosProxy implements AsyncDisposable {
  readonly received: ChaosRequest[] = [];
  readonly #options: ChaosOptions;
  readonly #server: Server;

  private constructor(options: ChaosOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? createServer() : createSecureServer(options.tls);
    this.#server.on("request", (incoming, response) => void this.#handle(incoming, response));
  }

  static async start(options: ChaosOptions): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(options);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many requests something happened to. */
  get faults(): number {
    return this.received.filter(({ fault }) => fault !== undefined).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { random, rate, redirect } = this.#options;
    const { url: path = "", headers } = incoming;
    const fault = random.next() < rate ? FAULTS[random.below(FAULTS.length)] : undefined;
    this.received.push({ path, headers, fault });
    response.on("error", () => {});
    // Node resets no connection that speaks TLS.
    const secure = this.#options.tls !== undefined;
    if (fault === "drop" || (fault === "reset" && secure)) incoming.socket.destroy();
    else if (fault === "reset") incoming.socket.resetAndDestroy();
    else if (fault === "delay") {
      await delay(random.below(200));
      this.#answer(incoming, response, undefined, redirect?.(path));
    } else if (fault === undefined || fault === "truncate") {
      this.#answer(incoming, response, fault, redirect?.(path));
    } else {
      const pause = ["0", "0.05", "0.2"][random.below(3)] ?? "0";
      const after = fault.endsWith("Retry-After") ? { "retry-after": pause } : {};
      response.writeHead(Number(fault.slice(0, 3)), after).end("<html>not now</html>");
    }
  }

  #answer(
    incoming: IncomingMessage,
    response: ServerResponse,
    fault: "truncate" | undefined,
    elsewhere: string | undefined,
  ): void {
    if (elsewhere !== undefined) {
      response.writeHead(307, { location: elsewhere }).end();
      return;
    }
    const { method, url: path, headers } = incoming;
    const { target: port } = this.#options;
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (fault === undefined) answer.pipe(response);
      else answer.once("data", (chunk: Buffer) => this.#cutOff(response, chunk));
      answer.once("end", () => fault === undefined || response.destroy());
      answer.on("error", () => response.destroy());
      answer.resume();
    });
    outgoing.on("error", () => response.destroy());
    outgoing.end();
  }

  /** What is sent is at most half of what was to be. */
  #cutOff(response: ServerResponse, chunk: Buffer): void {
    response.write(chunk.subarray(0, chunk.length >> 1), () => response.destroy());
  }
}
