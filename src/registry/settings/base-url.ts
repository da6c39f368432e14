/**
 * Where a registry's API begins, from what a file says of it: `mirror.lan`, `https://mirror.lan/docker-hub`,
 * `https://nexus.lan/repository/docker/v2/`. `/v2` is added unless it is there, or `override` says that the
 * path is the whole (containerd's rule). A text for people when it can't be one.
 */
export function registryBase(text: string, override: boolean): URL | string {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  if (!URL.canParse(whole)) return "it is no URL";
  const url = new URL(whole);
  if (url.protocol !== "https:" && url.protocol !== "http:") return "it is not https or http";
  if (url.username !== "" || url.password !== "") {
    return "a user and a password have no place here; sign in with lading login";
  }
  if (url.search !== "" || url.hash !== "") return "it has a query or a fragment";
  const path = url.pathname.replace(/\/{2,}/g, "/").replace(/\/$/, "");
  url.pathname = `${path}${override || path.endsWith("/v2") ? "" : "/v2"}/`;
  // docker.io speaks no registry API, and yet it stands in containerd's own example.
  if (url.host === "docker.io" || url.host === "index.docker.io") url.host = DOCKER_HUB;
  return url;
}

/** Where the registry is that references name so, while no file says otherwise. */
export function defaultBase(registry: string): URL {
  const host = registry === "docker.io" || registry === "index.docker.io" ? DOCKER_HUB : registry;
  return new URL(`https://${host}/v2/`);
}

const DOCKER_HUB = "registry-1.docker.io";
