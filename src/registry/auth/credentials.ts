import { createHash, randomBytes } from "node:crypto";
import { bestKey } from "./sources/match.ts";

export { canonicalHost } from "./sources/match.ts";

/** Who one is to a registry. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** A bearer token that the registry takes as it is (docker: `registrytoken`). */
  | { readonly kind: "token"; readonly token: string }
  /** An OAuth2 refresh token for the token server (docker: `identitytoken`). */
  | { readonly kind: "identity"; readonly token: string };

/** Where a credential came from, for people; never holds a secret. */
export interface CredentialOrigin {
  readonly kind: "option" | "environment" | "file" | "helper" | "provider";
  /** "LADING_REGISTRY", "docker's config.json", "docker-credential-pass", "ECR". */
  readonly name: string;
  /** Of the file, also of the one that named the helper. */
  readonly path?: string | undefined;
  /** The entry that matched: `ghcr.io/org`, `https://index.docker.io/v1/`. */
  readonly key?: string | undefined;
}

export type FoundCredential = Credential & { readonly from?: CredentialOrigin | undefined };

/** A source of the caller's own need not say where it has them from. */
export function originOf({ from }: FoundCredential): CredentialOrigin {
  return from ?? { kind: "option", name: "credentials" };
}

export interface CredentialRequest {
  /** `https://registry-1.docker.io`: scheme, host and port. Credentials go nowhere else. */
  readonly origin: string;
  /** `docker.io`: as references name it, and what files are searched for. */
  readonly registry: string;
  /** As asked of the registry; "" for the registry as a whole. */
  readonly repository: string;
  readonly action: "pull" | "push";
}

/** The one port through which credentials come in. `undefined` means anonymous. */
export interface CredentialSource {
  get(
    request: CredentialRequest,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<FoundCredential | undefined>;
  /** The registry did not take what was given: a source that remembers asks anew the next time. */
  refused?(request: CredentialRequest, credential: Credential): void;
}

export const anonymous: CredentialSource = { get: async () => undefined };

/** The first source that knows something. One that fails stops the request: nobody else is asked. */
export function firstOf(sources: readonly CredentialSource[]): CredentialSource {
  return {
    async get(request, options) {
      for (const source of sources) {
        const credential = await source.get(request, options);
        if (credential !== undefined) return credential;
      }
      return undefined;
    },
    refused(request, credential) {
      for (const source of sources) source.refused?.(request, credential);
    },
  };
}

/**
 * Credentials by registry, as the reference names it (`ghcr.io`, `localhost:5000`, `docker.io`), or by
 * what is below a path on it (`ghcr.io/org`); the longest match decides.
 */
export function hostCredentials(byHost: Readonly<Record<string, Credential>>): CredentialSource {
  const credentials = new Map(Object.entries(byHost));
  return {
    async get(request) {
      const key = bestKey(credentials.keys(), request);
      const credential = key === undefined ? undefined : credentials.get(key);
      return credential && { ...credential, from: { kind: "option", name: "credentials", key } };
    },
  };
}

const salt = randomBytes(32);

/** Tells two identities apart without holding either: a token of one is never used for the other. */
export function identityOf(credential: Credential | undefined): string {
  if (credential === undefined) return "anonymous";
  return createHash("sha256")
    .update(salt)
    .update(JSON.stringify(secretsOf(credential)))
    .digest("base64");
}

/** Not where it came from: the same account from two places is one. */
function secretsOf(credential: Credential): readonly string[] {
  return credential.kind === "basic"
    ? [credential.kind, credential.username, credential.password]
    : [credential.kind, credential.token];
}
