import type { Timeouts } from "../http/timeouts.ts";
import { defaultBase } from "./base-url.ts";
import type { Capability, EndpointSettings, ProxyUrl, TlsSettings } from "./types.ts";

/** What one file says of how an endpoint is spoken to; what it does not say is absent. */
export interface EndpointPatch {
  readonly ca?: TlsSettings["ca"];
  readonly client?: TlsSettings["client"];
  readonly skipVerify?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly proxy?: ProxyUrl | "none";
  readonly timeouts?: Partial<Timeouts>;
  readonly concurrency?: number;
  readonly requestsPerSecond?: number;
}

export interface MirrorPatch extends EndpointPatch {
  readonly base: URL;
  readonly capabilities: ReadonlySet<Capability>;
  readonly trusted: boolean;
  readonly namespace: boolean;
  readonly rewrite: { readonly from: string; readonly to: string } | undefined;
}

/** What one file, or several merged, say of a registry. */
export interface RegistryPatch extends EndpointPatch {
  readonly server?: URL;
  readonly http?: boolean;
  readonly capabilities?: ReadonlySet<Capability>;
  readonly mirrors?: readonly MirrorPatch[];
  readonly mirrorTags?: "capable" | "never";
  readonly trustHosts?: readonly string[];
  readonly helper?: string;
  /** The file that each key comes from. */
  readonly origins: ReadonlyMap<string, string>;
}

/** What holds for every registry. */
export interface DefaultsPatch extends EndpointPatch {
  readonly certsD?: readonly string[];
  readonly systemRoots?: boolean;
  readonly origins: ReadonlyMap<string, string>;
}

const ENDPOINT_KEYS: readonly string[] = [
  "ca",
  "client",
  "skipVerify",
  "headers",
  "proxy",
  "timeouts",
  "concurrency",
  "requestsPerSecond",
] satisfies readonly (keyof EndpointPatch)[];

/**
 * `upper` wins key by key, lists are replaced whole. When it moves the server to another host, what
 * `lower` says of certificates, headers and the like was meant for the host before, and is left out.
 */
export function mergeRegistry(
  registry: string,
  lower: RegistryPatch,
  upper: RegistryPatch,
): RegistryPatch {
  const host = (patch: RegistryPatch): string => (patch.server ?? defaultBase(registry)).host;
  const moved = upper.server !== undefined && host(upper) !== host(lower);
  return mergePatch(moved ? withoutEndpoint(lower) : lower, upper);
}

export function mergeDefaults(lower: DefaultsPatch, upper: DefaultsPatch): DefaultsPatch {
  return mergePatch(lower, upper);
}

function mergePatch<T extends EndpointPatch & { origins: ReadonlyMap<string, string> }>(
  lower: T,
  upper: T,
): T {
  const headers = { ...lower.headers, ...upper.headers };
  const timeouts = { ...lower.timeouts, ...upper.timeouts };
  return {
    ...lower,
    ...upper,
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    ...(Object.keys(timeouts).length > 0 ? { timeouts } : {}),
    origins: new Map([...lower.origins, ...upper.origins]),
  };
}

function withoutEndpoint(patch: RegistryPatch): RegistryPatch {
  const { server, http, capabilities, mirrors, mirrorTags, trustHosts, helper } = patch;
  const origins = [...patch.origins].filter(
    ([key]) => !ENDPOINT_KEYS.includes(key.split(".")[0] ?? ""),
  );
  return {
    ...present("server", server),
    ...present("http", http),
    ...present("capabilities", capabilities),
    ...present("mirrors", mirrors),
    ...present("mirrorTags", mirrorTags),
    ...present("trustHosts", trustHosts),
    ...present("helper", helper),
    origins: new Map(origins),
  };
}

/** What was said of an endpoint, over what holds for all. CAs add up; the rest is replaced. */
export function endpointSettings(patch: EndpointPatch, defaults: EndpointPatch): EndpointSettings {
  return {
    tls: {
      ca: [...new Set([...(defaults.ca ?? []), ...(patch.ca ?? [])])],
      client: patch.client ?? [],
      skipVerify: patch.skipVerify ?? false,
    },
    proxy: patch.proxy ?? defaults.proxy,
    headers: patch.headers ?? {},
    timeouts: { ...defaults.timeouts, ...patch.timeouts },
    concurrency: patch.concurrency ?? defaults.concurrency,
    requestsPerSecond: patch.requestsPerSecond ?? defaults.requestsPerSecond,
  };
}

/** `ca`, `headers.x-team`, `timeouts.connectMs`: what can come from one file or another. */
export function originKeys(patch: object): string[] {
  return Object.entries(patch).flatMap(([key, value]) =>
    key === "headers" || key === "timeouts"
      ? Object.keys(value).map((inner) => `${key}.${inner}`)
      : [key],
  );
}

/** A property only where there is a value: what a file does not say must not hide what another says. */
export function present<K extends string, T>(
  key: K,
  value: T | undefined,
): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
}
