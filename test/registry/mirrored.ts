import { plainEndpoint, plainSettings } from "../../src/registry/settings/plain.ts";
import type { Endpoint, SettingsSource } from "../../src/registry/settings/types.ts";

export interface TestMirror extends Partial<Omit<Endpoint, "base" | "capabilities">> {
  /** `http://127.0.0.1:5000/v2/`, or `host:port`. */
  readonly at: string;
  readonly capabilities?: readonly ("pull" | "resolve")[];
}

export function mirrorAt({ at, capabilities = ["pull"], ...more }: TestMirror): Endpoint {
  return {
    ...plainEndpoint,
    base: new URL(at.includes("://") ? at : `http://${at}/v2/`),
    capabilities: new Set(capabilities),
    trusted: false,
    rewrite: undefined,
    namespace: true,
    ...more,
  };
}

/** Settings as a file would give them: these mirrors before that registry. */
export function mirrored(registry: string, mirrors: readonly TestMirror[]): SettingsSource {
  const plain = plainSettings();
  const endpoints = mirrors.map(mirrorAt);
  return {
    async forRegistry(name) {
      const settings = await plain.forRegistry(name);
      return name === registry ? { ...settings, mirrors: endpoints } : settings;
    },
    async forOrigin(origin) {
      return endpoints.find(({ base }) => base.origin === origin) ?? plain.forOrigin(origin);
    },
  };
}
