import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Answer } from "./scripted-registry.ts";

export interface TokenServerOptions {
  /** Names and passwords. */
  readonly users?: Readonly<Record<string, string>>;
  /** Refresh tokens that are good. */
  readonly refresh?: readonly string[];
  /** Statuses with which a method is answered in place of a token: `{GET: 404}`. */
  readonly refuses?: Readonly<Partial<Record<"GET" | "POST", number>>>;
  /** Each refresh token is good for once, and the answer holds the next one. */
  readonly rotates?: boolean;
  /** More for each answer, in place of what it would hold. */
  readonly answer?: Readonly<Record<string, unknown>>;
}

/** What arrived, for assertions. */
export interface TokenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A token server on a real socket (distribution's token and OAuth2 authentication). */
export class TokenServer implements AsyncDisposable {
  readonly received: TokenRequest[] = [];
  /** `Bearer TOKEN` of each token that is good now. */
  readonly valid: Set<string> = new Set();
  /** Accounts may change while it runs. */
  readonly users: Map<string, string>;
  readonly refresh: Set<string>;
  /** Answers in place of it. */
  instead: ((request: TokenRequest, response: ServerResponse) => boolean) | undefined;
  readonly #options: TokenServerOptions;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #given = 0;

  private constructor(options: TokenServerOptions) {
    this.#options = options;
    this.users = new Map(Object.entries(options.users ?? {}));
    this.refresh = new Set(options.refresh);
  }

  static async start(options: TokenServerOptions = {}): Promise<TokenServer> {
    const server = new TokenServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  challenge(scope?: string): string {
    const more = scope === undefined ? "" : `,scope="${scope}"`;
    return `Bearer realm="http://${this.address}/token",service="registry"${more}`;
  }

  /** The answers of a registry that takes its tokens, and nothing else. */
  guard(scope?: string): Answer {
    return ({ request, response, reply }) => {
      if (!this.valid.has(request.headers.authorization ?? "")) {
        response.writeHead(401, { "www-authenticate": this.challenge(scope) }).end();
        return;
      }
      const { status, headers, body } = reply();
      response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : body);
    };
  }

  /** The methods that it was asked by, in order. */
  get methods(): readonly string[] {
    return this.received.map(({ method }) => method);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await receive(incoming);
    this.received.push(request);
    if (this.instead?.(request, response)) return;
    const { refuses = {}, answer } = this.#options;
    const status = request.method === "POST" ? refuses.POST : refuses.GET;
    if (status !== undefined) {
      response.writeHead(status).end();
      return;
    }
    const refresh = this.#allowed(request);
    if (refresh === undefined) {
      const code = request.method === "POST" ? 400 : 401;
      const body = { error: "invalid_grant", error_description: "not this one" };
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
      return;
    }
    this.#given += 1;
    const token = `token${this.#given}@${this.address}`;
    this.valid.add(`Bearer ${token}`);
    const named = request.method === "POST" ? { access_token: token } : { token };
    const next = refresh === "" ? {} : { refresh_token: refresh };
    response.end(JSON.stringify({ ...named, expires_in: 3600, ...next, ...answer }));
  }

  /** The next refresh token, or "" where there is none; `undefined`: refused. */
  #allowed({ method, form, headers }: TokenRequest): string | undefined {
    const account = /^Basic (.+)$/.exec(headers.authorization ?? "")?.[1];
    const [user = "", password = ""] =
      account === undefined
        ? [form.get("username") ?? "", form.get("password") ?? ""]
        : Buffer.from(account, "base64").toString().split(/:(.*)/s);
    const token = user === "<token>" ? password : (form.get("refresh_token") ?? "");
    if (this.refresh.has(token)) {
      if (method === "GET" || this.#options.rotates !== true) return "";
      this.refresh.delete(token);
      const next = `${token}+`;
      this.refresh.add(next);
      return next;
    }
    const anonymous = method === "GET" && account === undefined;
    return anonymous || (user !== "" && this.users.get(user) === password) ? "" : undefined;
  }
}

async function receive(incoming: IncomingMessage): Promise<TokenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const url = new URL(incoming.url ?? "", "http://x");
  return {
    method: incoming.method ?? "",
    path: url.pathname,
    query: url.searchParams,
    form: new URLSearchParams(body),
    headers: incoming.headers,
    body,
  };
}
