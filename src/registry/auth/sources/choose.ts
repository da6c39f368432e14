import type { Credential, CredentialRequest } from "../credentials.ts";
import { bestKey, canonicalHost, parseKey, serverKey } from "./match.ts";
import type { AuthFile } from "./parse-file.ts";

/** What a credential file has for a request. */
export type Choice =
  | { readonly kind: "entry"; readonly key: string; readonly credential: Credential }
  | {
      readonly kind: "helper";
      readonly name: string;
      /** That named the helper; `undefined`: the file's store for everything. */
      readonly key: string | undefined;
      /** What the helper is asked for, one after the other, until it knows one. */
      readonly servers: readonly string[];
      /** What counts if it knows none. */
      readonly otherwise: Choice | undefined;
    };

/**
 * The longest match decides, a helper before an entry of the same length. The store for everything
 * comes after what is narrower than a registry and before what is not: docker leaves an empty entry in
 * the file where the store holds the secret.
 */
export function choose(file: AuthFile, request: CredentialRequest): Choice | undefined {
  const entry = entryOf(file, request);
  const helperKey = bestKey(file.credHelpers.keys(), request);
  const helper = helperKey === undefined ? undefined : file.credHelpers.get(helperKey);
  if (helperKey !== undefined && helper !== undefined && !isNarrower(entry, helperKey)) {
    if (helper === "") return entry;
    const servers = serversOf(request.registry, helperKey);
    return { kind: "helper", name: helper, key: helperKey, servers, otherwise: undefined };
  }
  const narrow = entry !== undefined && parseKey(entry.key).path !== "";
  if (narrow || file.credsStore === undefined) return entry;
  const servers = serversOf(request.registry, undefined);
  return { kind: "helper", name: file.credsStore, key: undefined, servers, otherwise: entry };
}

type Entry = Extract<Choice, { kind: "entry" }>;

function entryOf({ auths }: AuthFile, request: CredentialRequest): Entry | undefined {
  const key = bestKey(auths.keys(), request);
  const credential = key === undefined ? undefined : auths.get(key);
  if (key === undefined || credential === undefined) return undefined;
  return { kind: "entry", key, credential };
}

function isNarrower(entry: Entry | undefined, key: string): boolean {
  return entry !== undefined && parseKey(entry.key).path.length > parseKey(key).path.length;
}

/** Under which names helpers are asked; people store docker.io's under each of them. */
export function serversOf(registry: string, key: string | undefined): readonly string[] {
  if (key !== undefined && parseKey(key).path !== "") return [key];
  const host = canonicalHost(registry);
  return host === "docker.io" ? [serverKey(host), "docker.io", "index.docker.io"] : [host];
}
