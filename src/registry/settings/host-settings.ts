import { inScheme } from "../http/in-scheme.ts";
import { defaultBase } from "./base-url.ts";
import {
  type DefaultsPatch,
  type EndpointPatch,
  endpointSettings,
  type MirrorPatch,
  type RegistryPatch,
} from "./patch.ts";
import type { Capability, Endpoint, HostSettings } from "./types.ts";

export interface HostSettingsOptions {
  readonly defaults: DefaultsPatch;
  /** By the caller or the command line, which win over files. */
  readonly plainHttp: boolean;
  readonly trustHosts: readonly string[];
  /** What an origin's own entry says, below what is said of it as somebody's mirror or server. */
  readonly own: (base: URL) => EndpointPatch;
}

const EVERYTHING: ReadonlySet<Capability> = new Set(["pull", "resolve", "push", "referrers"]);

/** What all files together come to for one registry. */
export function hostSettings(
  registry: string,
  patch: RegistryPatch,
  options: HostSettingsOptions,
): HostSettings {
  const plainHttp = options.plainHttp || patch.http === true;
  const base = serverBase(registry, patch, plainHttp);
  const never = patch.mirrorTags === "never";
  // A mirror that is the registry itself (the `_default` of that registry) would only be asked twice.
  const itself = patch.mirrors?.find((mirror) => mirror.base.href === base.href);
  const mirrors = patch.mirrors?.filter((mirror) => mirror.base.href !== base.href) ?? [];
  const own = under(itself ?? {}, options.own(base));
  return {
    registry,
    mirrors: mirrors.map((mirror) => mirrorEndpoint(mirror, never, options)),
    server: {
      ...endpointSettings(under(patch, own), options.defaults),
      base,
      capabilities: patch.capabilities ?? EVERYTHING,
      trusted: true,
      rewrite: undefined,
      namespace: false,
    },
    plainHttp,
    trustHosts: [...new Set([...options.trustHosts, ...(patch.trustHosts ?? [])])],
    helper: patch.helper,
    origins: originsOf(patch, options.defaults),
  };
}

/** Where a registry's own server is, in the scheme in which it is spoken to. */
export function serverBase(registry: string, patch: RegistryPatch, plainHttp: boolean): URL {
  const base = patch.server ?? defaultBase(registry);
  return plainHttp ? inScheme(base, "http:", registry) : base;
}

function originsOf(patch: RegistryPatch, defaults: DefaultsPatch): ReadonlyMap<string, string> {
  const origins = new Map([...defaults.origins, ...patch.origins]);
  const general = defaults.origins.get("ca");
  const own = patch.origins.get("ca");
  // The one list that adds up.
  if (general !== undefined && own !== undefined) origins.set("ca", `${own}, ${general}`);
  for (const key of ["certsD", "systemRoots"]) origins.delete(key);
  return origins;
}

/** Defaults of times do not reach mirrors: one that is down must not cost what the registry may. */
function mirrorEndpoint(
  mirror: MirrorPatch,
  never: boolean,
  { defaults, own }: HostSettingsOptions,
): Endpoint {
  const { base, capabilities, trusted, namespace, rewrite } = mirror;
  const patch = under(mirror, own(base));
  const may = never ? [...capabilities].filter((one) => one !== "resolve") : capabilities;
  const settings = endpointSettings(patch, { ...defaults, timeouts: {} });
  return { ...settings, base, capabilities: new Set(may), trusted, namespace, rewrite };
}

/** `upper` wins key by key; authorities add up, since all of them were named for the one origin. */
export function under(upper: EndpointPatch, lower: EndpointPatch): EndpointPatch {
  const ca = [...new Set([...(upper.ca ?? []), ...(lower.ca ?? [])])];
  return {
    ...lower,
    ...upper,
    ...(ca.length > 0 ? { ca } : {}),
    headers: { ...lower.headers, ...upper.headers },
    timeouts: { ...lower.timeouts, ...upper.timeouts },
  };
}
