/** What an entry of a credential file is for: a registry, or what is below a path on it. */
export interface KeyScope {
  /** As references name it: `docker.io`, `ghcr.io`, `localhost:5000`. */
  readonly registry: string;
  /** `org/team`; "" for the whole registry. */
  readonly path: string;
}

export interface MatchTarget {
  readonly registry: string;
  /** "" for the registry as a whole: then no entry with a path counts. */
  readonly repository: string;
}

/**
 * The key that fits best: the longest path, at the border of a segment. Of two that are for the same,
 * the one that docker itself would write, else the first.
 */
export function bestKey(keys: Iterable<string>, target: MatchTarget): string | undefined {
  const registry = canonicalHost(target.registry);
  const usual = serverKey(registry);
  let best: { readonly key: string; readonly rank: number } | undefined;
  for (const key of keys) {
    const scope = parseKey(key);
    if (scope.registry !== registry || !covers(scope.path, target.repository)) continue;
    const rank = scope.path.length * 2 + (key === usual ? 1 : 0);
    if (best === undefined || rank > best.rank) best = { key, rank };
  }
  return best?.key;
}

/**
 * As docker and Podman read their keys: what has a scheme, or the path of the registry's API, stands
 * for the whole registry (`https://index.docker.io/v1/`); another path narrows it.
 */
export function parseKey(key: string): KeyScope {
  const bare = key.replace(SCHEME, "");
  const slash = bare.indexOf("/");
  const path = slash < 0 ? "" : bare.slice(slash + 1).replace(/\/+$/, "");
  const whole = bare !== key || path === "v1" || path === "v2";
  return { registry: canonicalHost(bare), path: whole ? "" : path };
}

/** docker.io goes by several names, and its key in docker's file is a URL of 2013. */
export function canonicalHost(host: string): string {
  const bare = host.toLowerCase().replace(SCHEME, "").replace(/\/.*$/s, "");
  return DOCKER_NAMES.has(bare) ? "docker.io" : bare;
}

/** Under which name docker's files and helpers know a registry. */
export function serverKey(registry: string): string {
  return registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
}

/** `ghcr.io/org`, as people write it. */
export function formatScope({ registry, path }: KeyScope): string {
  return path === "" ? registry : `${registry}/${path}`;
}

function covers(path: string, repository: string): boolean {
  return path === "" || repository === path || repository.startsWith(`${path}/`);
}

const SCHEME = /^https?:\/\//i;

const DOCKER_NAMES: ReadonlySet<string> = new Set([
  "docker.io",
  "index.docker.io",
  "registry-1.docker.io",
]);
