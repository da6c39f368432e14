import type { EndpointSettings } from "../settings/types.ts";
import type { NamedProxy, ProxyEnvironment } from "./environment.ts";

export type Route =
  | { readonly via: "direct" }
  /** Through a proxy, with the name of what says so: a variable or the settings. */
  | ({ readonly via: "proxy" } & NamedProxy);

/** Which way a URL is asked for. What the settings say of its host wins over the environment, NO_PROXY too. */
export function routeFor(
  url: URL,
  { proxy }: Pick<EndpointSettings, "proxy">,
  environment: ProxyEnvironment,
): Route {
  if (proxy === "none") return { via: "direct" };
  if (proxy !== undefined) return { via: "proxy", proxy, from: "the settings" };
  const named = environment(url);
  return named === undefined ? { via: "direct" } : { via: "proxy", ...named };
}
