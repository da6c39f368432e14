import { inScheme } from "../http/in-scheme.ts";
import { defaultBase } from "./base-url.ts";
import type { Endpoint, EndpointSettings, SettingsSource } from "./types.ts";

export interface PlainSettings {
  /** Registries (`host[:port]`) that are spoken to in http. */
  readonly plainHttp?: readonly string[] | undefined;
  /** Hosts that the address rules let through, whoever leads there. */
  readonly trustHosts?: readonly string[] | undefined;
}

/** Settings without any file: each registry answers under its own name, without mirrors. */
export function plainSettings({ plainHttp, trustHosts = [] }: PlainSettings = {}): SettingsSource {
  const plain = new Set(plainHttp);
  return {
    async forRegistry(registry) {
      const plainHttp = plain.has(registry);
      return {
        registry,
        mirrors: [],
        server: plainServer(registry, plainHttp),
        plainHttp,
        trustHosts,
        helper: undefined,
        origins: new Map(),
      };
    },
    forOrigin: async () => plainEndpoint,
  };
}

/** What holds for an origin of which no file says anything. */
export const plainEndpoint: EndpointSettings = {
  tls: { ca: [], client: [], skipVerify: false },
  proxy: undefined,
  headers: {},
  timeouts: {},
  concurrency: undefined,
  requestsPerSecond: undefined,
};

function plainServer(registry: string, plainHttp: boolean): Endpoint {
  const base = defaultBase(registry);
  return {
    ...plainEndpoint,
    base: plainHttp ? inScheme(base, "http:", registry) : base,
    capabilities: new Set(["pull", "resolve", "push", "referrers"]),
    trusted: true,
    rewrite: undefined,
    namespace: false,
  };
}
