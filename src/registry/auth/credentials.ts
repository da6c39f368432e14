import { createHash, randomBytes } from "node:crypto";

/** Who one is to a registry. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** A bearer token that the registry takes as it is. */
  | { readonly kind: "token"; readonly token: string };

export interface CredentialRequest {
  /** `https://registry-1.docker.io`: scheme, host and port. Credentials go nowhere else. */
  readonly origin: string;
  readonly repository: string;
  readonly action: "pull" | "push";
}

/** The one port through which credentials come in. `undefined` means anonymous. */
export interface CredentialSource {
  get(
    request: CredentialRequest,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<Credential | undefined>;
}

export const anonymous: CredentialSource = { get: async () => undefined };

/** The first source that knows something. */
export function firstOf(sources: readonly CredentialSource[]): CredentialSource {
  return {
    async get(request, options) {
      for (const source of sources) {
        const credential = await source.get(request, options);
        if (credential !== undefined) return credential;
      }
      return undefined;
    },
  };
}

/** Credentials by registry, as the reference names it (`ghcr.io`, `localhost:5000`, `docker.io`). */
export function hostCredentials(byHost: Readonly<Record<string, Credential>>): CredentialSource {
  const hosts = new Map(
    Object.entries(byHost).map(([host, value]) => [canonicalHost(host), value]),
  );
  return { get: async ({ origin }) => hosts.get(canonicalHost(new URL(origin).host)) };
}

/** docker.io goes by several names, and its key in docker's file is a URL of 2013. */
export function canonicalHost(host: string): string {
  const bare = host
    .toLowerCase()
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "");
  return DOCKER_NAMES.has(bare) ? "docker.io" : bare;
}

const DOCKER_NAMES: ReadonlySet<string> = new Set([
  "docker.io",
  "index.docker.io",
  "registry-1.docker.io",
]);

const salt = randomBytes(32);

/** Tells two identities apart without holding either: a token of one is never used for the other. */
export function identityOf(credential: Credential | undefined): string {
  if (credential === undefined) return "anonymous";
  return createHash("sha256").update(salt).update(JSON.stringify(credential)).digest("base64");
}
