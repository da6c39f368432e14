import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Clock } from "../clock.ts";

/** Who may read. `users` maps names to passwords. */
export type ServerAuth =
  | { readonly kind: "basic"; readonly users: Readonly<Record<string, string>> }
  | {
      readonly kind: "bearer";
      readonly users: Readonly<Record<string, string>>;
      /** Whether a token is given without credentials too. Default false. */
      readonly anonymous?: boolean;
      /** How long a token lives. Default 300. */
      readonly seconds?: number;
    };

export interface Gate {
  /** The one decision for every request: may this repository be read with what the request carries? */
  allows(request: IncomingMessage, repository: string | undefined): boolean;
  /** The `WWW-Authenticate` of a refusal. */
  challenge(base: string, repository: string | undefined): string;
  /** Answers a request for a token; `undefined` refuses it. */
  token(request: IncomingMessage, scopes: readonly string[]): IssuedToken | undefined;
}

export interface IssuedToken {
  readonly token: string;
  readonly expires_in: number;
}

const REALM = "lading";
const MAX_TOKENS = 100_000;

export function openGate(): Gate {
  return { allows: () => true, challenge: () => "", token: () => undefined };
}

export function basicGate(users: Readonly<Record<string, string>>): Gate {
  return {
    allows: (request) => userOf(request, users) !== undefined,
    challenge: () => `Basic realm="${REALM}"`,
    token: () => undefined,
  };
}

export function bearerGate(auth: Extract<ServerAuth, { kind: "bearer" }>, clock: Clock): Gate {
  const { users, anonymous = false, seconds = 300 } = auth;
  const tokens = new Map<
    string,
    { readonly expires: number; readonly scopes: ReadonlySet<string> }
  >();
  return {
    allows(request, repository) {
      const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
      const known = token === undefined ? undefined : tokens.get(hash(token));
      if (known === undefined || known.expires <= clock.now()) return false;
      return repository === undefined || known.scopes.has(repository);
    },
    challenge(base, repository) {
      const scope = repository === undefined ? "" : `,scope="repository:${repository}:pull"`;
      return `Bearer realm="${base}/token",service="${REALM}"${scope}`;
    },
    token(request, scopes) {
      const given = request.headers.authorization !== undefined;
      if (given ? userOf(request, users) === undefined : !anonymous) return undefined;
      const token = randomBytes(32).toString("base64url");
      if (tokens.size >= MAX_TOKENS) tokens.clear();
      const repositories = scopes.flatMap((scope) => repositoryOf(scope));
      const expires = clock.now() + seconds * 1000;
      tokens.set(hash(token), { expires, scopes: new Set(repositories) });
      return { token, expires_in: seconds };
    },
  };
}

function repositoryOf(scope: string): string[] {
  const [, repository, actions = ""] = /^repository:([^:]+):([a-z,*]+)$/.exec(scope) ?? [];
  const mayPull = actions.split(",").some((action) => action === "pull" || action === "*");
  return repository !== undefined && mayPull ? [repository] : [];
}

function userOf(
  { headers }: IncomingMessage,
  users: Readonly<Record<string, string>>,
): string | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";
  const [, name = "", password = ""] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, "base64").toString("utf8")) ?? [];
  const expected = Object.hasOwn(users, name) ? users[name] : undefined;
  return expected !== undefined && sameSecret(expected, password) ? name : undefined;
}

/** Takes as long whatever differs. */
function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(hash(a)), Buffer.from(hash(b)));
}

function hash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
