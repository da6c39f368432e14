import { describe, expect, it } from "vitest";
import { inScheme } from "../../src/registry/http/in-scheme.ts";
import { loadSettings } from "../../src/registry/settings/load.ts";
import { plainSettings } from "../../src/registry/settings/plain.ts";
import type { SettingsSource } from "../../src/registry/settings/types.ts";
import { clientFor } from "../registry/client-rig.ts";
import { refusedSocket } from "../registry/refused-socket.ts";

const sources: readonly (readonly [string, (plainHttp: string[]) => SettingsSource])[] = [
  ["no file", (plainHttp) => plainSettings({ plainHttp })],
  ["files", (plainHttp) => loadSettings({ plainHttp, config: false, environment: {} })],
];

/** Which ports are tried when a registry is asked. */
async function dialled(registry: string, settings: SettingsSource): Promise<number[]> {
  const ports: number[] = [];
  await using client = clientFor({
    settings,
    transport: {
      lookup: async () => [{ address: "10.0.0.1", family: 4 }],
      connect({ port }) {
        ports.push(port);
        return refusedSocket();
      },
    },
  });
  await client.ping(registry).catch(() => {});
  return ports;
}

describe.each(sources)("the port of a registry that is spoken to in http, by %s", (_, source) => {
  it.each([
    ["reg.lan", 80],
    ["reg.lan:80", 80],
    ["reg.lan:443", 443],
    ["reg.lan:5000", 5000],
    ["[fd00::1]:443", 443],
  ])("%s is %i", async (registry, port) => {
    expect(await dialled(registry, source([registry]))).toEqual([port]);
  });

  it("is not that of a registry in https", async () => {
    expect(await dialled("reg.lan:443", source([]))).toEqual([443]);
    expect(await dialled("reg.lan", source([]))).toEqual([443]);
  });
});

describe("a URL in another scheme", () => {
  it.each([
    ["https://localhost/v2/?n=1", "http:", "localhost", "http://localhost/v2/?n=1"],
    ["https://localhost/v2/", "http:", "localhost:443", "http://localhost:443/v2/"],
    ["https://localhost:80/v2/", "http:", "localhost:80", "http://localhost/v2/"],
    ["https://localhost:5000/v2/", "http:", "localhost:5000", "http://localhost:5000/v2/"],
    ["http://localhost/v2/", "https:", "localhost:80", "https://localhost:80/v2/"],
    ["https://[::1]/v2/", "http:", "[0::1]:443", "http://[::1]:443/v2/"],
    ["https://reg.lan/v2/", "http:", "Reg.lan:443", "http://reg.lan:443/v2/"],
    // Elsewhere than the registry's name says, by its settings.
    ["https://cache.lan/v2/", "http:", "reg.lan:443", "http://cache.lan/v2/"],
    ["http://localhost:443/v2/", "http:", "localhost", "http://localhost:443/v2/"],
  ] as const)("%s in %s, of %s, is %s", (url, protocol, registry, expected) => {
    expect(inScheme(new URL(url), protocol, registry).href).toBe(expected);
  });
});
