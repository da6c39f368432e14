import { plainSettings } from "../../src/registry/settings/plain.ts";
import type {
  EndpointSettings,
  SettingsSource,
  TlsSettings,
} from "../../src/registry/settings/types.ts";

export type HostEntry = Partial<Omit<EndpointSettings, "tls">> & {
  readonly tls?: Partial<TlsSettings>;
};

export interface MadeSettings {
  readonly plainHttp?: readonly string[];
  readonly trustHosts?: readonly string[];
}

/** Settings as files would give them, for hosts (`host[:port]`) by name. */
export function settingsFor(
  entries: Readonly<Record<string, HostEntry>>,
  options: MadeSettings = {},
): SettingsSource {
  const plain = plainSettings(options);
  const withEntry = <T extends EndpointSettings>(host: string, endpoint: T): T => {
    const { tls, ...entry } = entries[host] ?? {};
    return { ...endpoint, ...entry, tls: { ...endpoint.tls, ...tls } };
  };
  return {
    async forRegistry(registry) {
      const host = await plain.forRegistry(registry);
      return { ...host, server: withEntry(host.server.base.host, host.server) };
    },
    forOrigin: async (origin) => withEntry(new URL(origin).host, await plain.forOrigin(origin)),
  };
}
