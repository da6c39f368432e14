import type { HttpRequest } from "../http/message.ts";
import type { Endpoint, HostSettings } from "../settings/types.ts";

/**
 * The request as a mirror gets it: at its base, under the name that it has there, with `?ns=` of the
 * registry that it stands for. Its own credentials go there; the registry's only where it is trusted.
 */
export function rewritten(
  request: HttpRequest,
  { registry, server }: HostSettings,
  mirror: Endpoint,
): HttpRequest {
  const { base } = mirror;
  const asked = request.url.pathname.slice(server.base.pathname.length);
  const repository = renamed(request.scope.repository, mirror);
  // With "./" whatever a name is rewritten to stays a path.
  const url = new URL(`./${repository}${asked.slice(request.scope.repository.length)}`, base);
  url.search = request.url.search;
  if (mirror.namespace) url.searchParams.set("ns", registry);
  return {
    ...request,
    url,
    note: { ...request.note, role: "mirror", mirror: base.origin },
    scope: {
      ...request.scope,
      registry: base.host,
      repository: prefixOf(base) + repository,
      mirrorOf: registry,
      schemeFixed: true,
      credentialsOf: mirror.trusted
        ? { origin: base.origin, registry, repository: request.scope.repository }
        : undefined,
    },
  };
}

function renamed(repository: string, { rewrite }: Endpoint): string {
  if (rewrite === undefined || !repository.startsWith(rewrite.from)) return repository;
  return rewrite.to + repository.slice(rewrite.from.length);
}

/** `https://mirror.lan/v2/docker-hub/`: what of a base's path belongs to the names there. */
function prefixOf({ pathname }: URL): string {
  return /^.*?\/v2\/(.*)$/.exec(pathname)?.[1] ?? "";
}
