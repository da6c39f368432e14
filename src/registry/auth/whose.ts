import { isLoopback } from "../http/address.ts";
import type { HttpRequest } from "../http/message.ts";
import { defaultBase } from "../settings/base-url.ts";
import type { CredentialRequest } from "./credentials.ts";

/**
 * Whose credentials a request may bring, in this order: those of the host that it goes to, then those of
 * the registry that references name, where that is another one. A settings file moved the registry there,
 * or trusts a mirror.
 */
export function whoseCredentials({
  url,
  scope,
}: Pick<HttpRequest, "url" | "scope">): readonly CredentialRequest[] {
  const { registry, repository, action, credentialsOf } = scope;
  const own = { origin: url.origin, registry, repository, action };
  if (credentialsOf !== undefined) return [own, { ...credentialsOf, action }];
  if (isAt(url, registry)) return [own];
  const host = { ...own, registry: url.host, repository: nameAt(url) ?? repository };
  return mayBeMoved(url) ? [host, own] : [host];
}

/** docker.io is at registry-1.docker.io; a port that is its scheme's need not be there. */
function isAt(url: URL, registry: string): boolean {
  const base = defaultBase(registry);
  base.protocol = url.protocol;
  return url.host === registry || url.host === base.host;
}

/** What the host calls a repository: `/v2/` may be followed by a path of the base, which belongs to it. */
function nameAt({ pathname }: URL): string | undefined {
  return /^.*?\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\/[^/]+$/.exec(pathname)?.[1];
}

/** Who saved a password for a registry did not mean anyone on the way to another host to read it. */
function mayBeMoved({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || isLoopback(hostname);
}
