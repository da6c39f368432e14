import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { isDigest } from "../../src/oci/digest.ts";
import { parseTag } from "../../src/oci/reference.ts";
import { parseRange } from "../../src/server/range.ts";
import { MadeContent } from "../../src/testkit/index.ts";

/** What arrived, for assertions. */
export interface Received {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Common name of the client's certificate. */
  readonly client?: string | undefined;
}

export interface ScriptOptions {
  /** Speaks TLS: certificate and key, and whether it asks for a client's (`requestCert`, `ca`). */
  readonly tls?: ServerOptions | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
}

/** Answers a request in place of the registry; the reply of a good registry can still be asked for. */
export type Answer = (exchange: Exchange) => void | Promise<void>;

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  /** What a good registry would send, by `Range` unless told to ignore it. */
  reply(options?: { readonly ignoreRange?: boolean }): Reply;
}

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

interface Rule {
  readonly pattern: RegExp;
  readonly answer: Answer;
  left: number;
}

/** A registry on a real socket that is good until it is told otherwise. */
export class ScriptedRegistry implements AsyncDisposable {
  readonly content: MadeContent = new MadeContent();
  readonly received: Received[] = [];
  /** Stands before everything under `/v2/`: what comes without credentials gets this challenge. */
  challenge: string | undefined;
  /** What stands before `/v2/`: `/repository/docker`. */
  prefix = "";
  readonly #rules: Rule[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** TCP connections that were made to it. */
  connections = 0;

  private constructor({ tls }: ScriptOptions) {
    this.#server = tls === undefined ? createServer() : createSecureServer(tls);
    this.#server.on("request", (request, response) => void this.#answer(request, response));
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(options: ScriptOptions = {}): Promise<ScriptedRegistry> {
    const registry = new ScriptedRegistry(options);
    const { host = "127.0.0.1" } = options;
    await new Promise<void>((resolve) => registry.#server.listen(0, host, resolve));
    return registry;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** `on("GET /v2/app/blobs/", truncate(100), 2)`: so the first two that match are answered. */
  on(pattern: string | RegExp, answer: Answer, times = 1): this {
    const escaped =
      typeof pattern === "string" ? pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : "";
    const expression = typeof pattern === "string" ? new RegExp(`^${escaped}`) : pattern;
    this.#rules.push({ pattern: expression, answer, left: times });
    return this;
  }

  /** `GET /v2/app/manifests/1` of each request, in order. */
  get asked(): readonly string[] {
    return this.received.map(({ method, path }) => `${method} ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "", headers } = request;
    const { socket } = request;
    const subject = socket instanceof TLSSocket ? socket.getPeerCertificate().subject : undefined;
    const client = subject && String(subject.CN);
    this.received.push({ method, path, headers, ...(client !== undefined && { client }) });
    if (this.challenge !== undefined && path.startsWith("/v2/") && !headers.authorization) {
      response.writeHead(401, { "www-authenticate": this.challenge }).end();
      return;
    }
    const line = `${method} ${path}`;
    const inner = path.startsWith(this.prefix) ? path.slice(this.prefix.length) : "";
    const rule = this.#rules.find(({ pattern, left }) => left > 0 && pattern.test(line));
    if (rule !== undefined) rule.left -= 1;
    const answer = rule?.answer ?? good;
    const reply: Exchange["reply"] = ({ ignoreRange } = {}) => {
      const range = ignoreRange ? undefined : request.headers.range;
      return this.#found.get(inner)?.(range) ?? notFound();
    };
    await this.#prepare(inner);
    await answer({ request, response, path, reply });
  }

  readonly #found = new Map<string, (range: string | undefined) => Reply>();

  async #prepare(path: string): Promise<void> {
    const [, repository = "", kind, name = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)$/.exec(path.split("?", 1)[0] ?? "") ?? [];
    if (kind === undefined) {
      if (path === "/v2/")
        this.#found.set(path, () => ({ status: 200, headers: {}, body: json({}) }));
      return;
    }
    const wanted = isDigest(name) ? name : parseTag(name);
    const descriptor =
      kind === "manifests"
        ? await this.content.manifest(repository, wanted)
        : isDigest(wanted)
          ? await this.content.blob(repository, wanted)
          : undefined;
    const bytes = descriptor && this.content.blobs.get(descriptor.digest);
    if (descriptor === undefined || bytes === undefined) {
      this.#found.delete(path);
      return;
    }
    this.#found.set(path, (range) => ranged(bytes, range, descriptor.mediaType, descriptor.digest));
  }
}

const good: Answer = ({ request, response, reply }) => {
  const { status, headers, body } = reply();
  response.writeHead(status, headers);
  response.end(request.method === "HEAD" ? undefined : body);
};

/** Sends the headers of the whole but only so many bytes, then hangs up. */
export function truncate(after: number): Answer {
  return ({ response, reply }) => {
    const { status, headers, body } = reply();
    response.writeHead(status, headers);
    response.write(body.subarray(0, after), () => response.destroy());
  };
}

/** Sends so many bytes, then nothing more, and stays connected. */
export function stall(after: number): Answer {
  return ({ response, reply }) => {
    const { status, headers, body } = reply();
    response.writeHead(status, headers);
    response.write(body.subarray(0, after));
  };
}

/** Sends the whole, so many bytes a second on this connection. */
export function slow(bytesPerSecond: number): Answer {
  return async ({ response, reply }) => {
    const { status, headers, body } = reply();
    response.writeHead(status, headers);
    const slice = Math.max(1, Math.round(bytesPerSecond / SLICES_A_SECOND));
    for (let at = 0; at < body.length && !response.destroyed; at += slice) {
      response.write(body.subarray(at, at + slice));
      await new Promise((resolve) => setTimeout(resolve, 1000 / SLICES_A_SECOND));
    }
    response.end();
  };
}

const SLICES_A_SECOND = 20;

export const reset: Answer = ({ request }) => {
  request.socket.resetAndDestroy();
};

export const ignoreRange: Answer = ({ response, reply }) => {
  const { status, headers, body } = reply({ ignoreRange: true });
  response.writeHead(status, headers);
  response.end(body);
};

export function status(code: number, headers: Record<string, string> = {}, body = ""): Answer {
  return ({ response }) => {
    response.writeHead(code, headers);
    response.end(body);
  };
}

/** The right headers around other bytes. */
export function substitute(bytes: Uint8Array, headers: Record<string, string> = {}): Answer {
  return ({ request, response, reply }) => {
    const good = reply();
    const length = { "content-length": String(bytes.length) };
    response.writeHead(good.status, { ...good.headers, ...length, ...headers });
    response.end(request.method === "HEAD" ? undefined : bytes);
  };
}

/** A good answer with other headers; `undefined` takes one away. */
export function withHeaders(changed: Record<string, string | undefined>): Answer {
  return ({ request, response, reply }) => {
    const { status, headers, body } = reply();
    for (const [name, value] of Object.entries({ ...headers, ...changed })) {
      if (value !== undefined) response.setHeader(name, value);
    }
    response.writeHead(status);
    response.end(request.method === "HEAD" ? undefined : body);
  };
}

export function redirectTo(url: string, code = 307): Answer {
  return status(code, { location: url });
}

/** A body that never ends. */
export function endless(headers: Record<string, string> = {}, code = 200): Answer {
  return ({ response }) => {
    response.writeHead(code, headers);
    const chunk = Buffer.alloc(64 * 1024, " ");
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  };
}

function ranged(
  body: Uint8Array,
  header: string | undefined,
  mediaType: string,
  digest: string,
): Reply {
  const base = { "content-type": mediaType, "docker-content-digest": digest };
  const range = parseRange(header, body.length);
  if (range.kind === "unsatisfiable") {
    return { status: 416, headers: { "content-range": `bytes */${body.length}` }, body: json({}) };
  }
  if (range.kind === "whole") {
    return { status: 200, headers: { ...base, "content-length": String(body.length) }, body };
  }
  const { offset, length } = range;
  const part = body.subarray(offset, offset + length);
  const headers = {
    ...base,
    "content-length": String(length),
    "content-range": `bytes ${offset}-${offset + length - 1}/${body.length}`,
  };
  return { status: 206, headers, body: part };
}

function notFound(): Reply {
  const body = json({ errors: [{ code: "NAME_UNKNOWN", message: "not here" }] });
  return { status: 404, headers: { "content-type": "application/json" }, body };
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
