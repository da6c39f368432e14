import type { LookupAddress } from "node:dns";
import { connect as connectTcp, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { blobIn, clientFor, describeText, readBlob } from "../registry/client-rig.ts";
import { refusedSocket } from "../registry/refused-socket.ts";
import { redirectTo, ScriptedRegistry } from "../registry/scripted-registry.ts";

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);
const V4: LookupAddress = { address: "127.0.0.1", family: 4 };
const V6: LookupAddress = { address: "::1", family: 6 };

describe("a registry on IPv6", () => {
  it.runIf(hasIpv6)("is reached by its address in brackets", async () => {
    await using registry = await ScriptedRegistry.start({ host: "::1" });
    await using client = clientFor();
    const address = `[::1]:${registry.port}`;
    expect(await readBlob(client, address, blobIn(registry))).toBe("a blob");
    expect(registry.received[0]?.headers.host).toBe(address);
  });

  it.each([
    ["IPv6 first", [V6, V4]],
    ["IPv4 first", [V4, V6]],
  ])("is reached on IPv4 where nothing answers on IPv6: %s", async (_what, addresses) => {
    await using registry = await ScriptedRegistry.start();
    const name = `registry.example:${registry.port}`;
    await using client = clientFor({
      plainHttp: [name],
      transport: { lookup: async () => addresses },
    });
    expect(await readBlob(client, name, blobIn(registry))).toBe("a blob");
  });

  it.runIf(hasIpv6)("is reached on IPv6 where nothing answers on IPv4", async () => {
    await using registry = await ScriptedRegistry.start({ host: "::1" });
    const name = `registry.example:${registry.port}`;
    await using client = clientFor({
      plainHttp: [name],
      transport: { lookup: async () => [V4, V6] },
    });
    expect(await readBlob(client, name, blobIn(registry))).toBe("a blob");
  });

  it("is dialled only where the rules allow: of a name's addresses the others are left out", async () => {
    await using registry = await ScriptedRegistry.start();
    const dialled: string[] = [];
    const blob = blobIn(registry);
    registry.on("GET /v2/app/blobs/", redirectTo("http://cdn.example/blob"));
    const public_ = { address: "2606:4700::1", family: 6 };
    await using client = clientFor({
      plainHttp: ["registry.example"],
      transport: {
        lookup: async (name) =>
          name === "registry.example"
            ? [{ address: "93.184.216.34", family: 4 }]
            : [V6, { address: "fd00::1", family: 6 }, { address: "10.0.0.1", family: 4 }, public_],
        connect({ address }) {
          dialled.push(address);
          return address === "93.184.216.34" ? connectTo(registry.port) : refusedSocket();
        },
      },
    });
    await expect(readBlob(client, "registry.example", blob)).rejects.toMatchObject({
      code: "network",
    });
    expect(dialled).toEqual(["93.184.216.34", "2606:4700::1"]);
  });
});

describe("a name", () => {
  it.each([
    ["ENOTFOUND", false],
    ["ENODATA", false],
    ["EAI_AGAIN", true],
    ["ESERVFAIL", true],
    ["ETIMEOUT", true],
    ["ECONNREFUSED", true],
  ])("whose lookup fails with %s is a network error, passing: %j", async (code, transient) => {
    await using client = clientFor({
      transport: {
        lookup: async (name) => {
          throw Object.assign(new Error(`query ${code} ${name}`), { code });
        },
      },
    });
    const error = await readBlob(client, "registry.example", describeText("x")).catch(
      (error: unknown) => error,
    );
    expect(error).toMatchObject({
      code: "network",
      transient,
      message: expect.stringMatching(/^registry\.example: /),
    });
  });

  it("that resolves to nothing is refused, and nothing is dialled", async () => {
    const dialled: string[] = [];
    await using client = clientFor({
      transport: {
        lookup: async () => [],
        connect({ address }) {
          dialled.push(address);
          return refusedSocket();
        },
      },
    });
    await expect(readBlob(client, "registry.example", describeText("x"))).rejects.toMatchObject({
      message: expect.stringContaining("registry.example"),
    });
    expect(dialled).toEqual([]);
  });
});

function connectTo(port: number): Socket {
  return connectTcp(port, "127.0.0.1");
}
