import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Connections } from "../../src/registry/connections/connections.ts";
import { isTrusted } from "../../src/registry/connections/trusted.ts";
import { send } from "../../src/registry/http/send.ts";
import { defaultTimeouts } from "../../src/registry/http/timeouts.ts";
import { plainSettings } from "../../src/registry/settings/plain.ts";
import { refusedSocket } from "../registry/refused-socket.ts";

describe("a host that the user trusts", () => {
  it.each([
    ["auth.lan", "https://auth.lan/token", true],
    ["auth.lan", "https://auth.lan:8443/token", true],
    ["auth.lan:443", "https://auth.lan/token", true],
    ["auth.lan:80", "http://auth.lan/token", true],
    ["auth.lan:8443", "https://auth.lan:8443/token", true],
    ["Auth.LAN", "https://auth.lan/token", true],
    ["Auth.lan:443", "https://AUTH.lan/token", true],
    ["[fd00::1]:443", "https://[fd00::1]/token", true],
    ["auth.lan:80", "https://auth.lan/token", false],
    ["auth.lan:443", "http://auth.lan/token", false],
    ["auth.lan:443", "https://auth.lan:8443/token", false],
    ["auth.lan", "https://other.auth.lan/token", false],
  ])("as %s: %s %j", (name, url, expected) => {
    expect(isTrusted(["other.lan", name], new URL(url))).toBe(expected);
  });

  it.each([
    ["Inside.lan:443", "network", ["10.0.0.7:443"]],
    ["inside.lan:80", "refused", []],
  ])("as %s may be at a private address: %s, %j", async (trusted, code, expected) => {
    const dialled: string[] = [];
    const connections = new Connections({
      settings: plainSettings({ trustHosts: [trusted] }),
      transport: {
        lookup: async () => [{ address: "10.0.0.7", family: 4 }],
        connect({ address, port }) {
          dialled.push(`${address}:${port}`);
          return refusedSocket();
        },
      },
    });
    const asked = send(
      connections,
      defaultTimeouts,
      systemClock,
    )({
      method: "GET",
      url: new URL("https://inside.lan/token"),
      headers: {},
      scope: { registry: "reg.example", repository: "app", action: "pull", reach: "public" },
      operation: {},
    });
    await expect(asked).rejects.toMatchObject({ code });
    expect(dialled).toEqual(expected);
    await connections.close();
  });
});
