import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { hostCredentials } from "../../../src/registry/auth/credentials.ts";
import { createAuthority } from "../../registry/certificates.ts";
import { refusedSocket } from "../../registry/refused-socket.ts";
import { redirectTo, ScriptedRegistry, status } from "../../registry/scripted-registry.ts";
import { publicRig } from "../public-rig.ts";
import { faultRig, noRetry } from "../rig.ts";

const REGISTRY = "93.184.216.34";

describe("a token realm of a public registry", () => {
  it.each([
    ["a short address", "https://127.1/token"],
    ["a hexadecimal address", "https://0x7f.1/token"],
    ["a mapped metadata address", "https://[::ffff:a9fe:a9fe]/token"],
    ["a 6to4 private address", "https://[2002:0a00:0001::]/token"],
    ["Alibaba's metadata service", "https://100.100.100.200/token"],
    ["an address that is encoded", "https://%31%36%39.254.169.254/token"],
    ["a private name with a trailing dot", "https://inside.example./token"],
  ])("is refused on %s, and nothing is connected to", async (_, realm) => {
    const attempted: string[] = [];
    await using rig = await publicRig(realm, attempted);
    await expect(rig.lading.pull("registry.example/app:1")).rejects.toMatchObject({
      code: "refused",
    });
    expect(attempted).toEqual([REGISTRY]);
  });

  it.each([
    "file:///etc/passwd",
    "//auth.example/token",
    "/token",
    "",
    "javascript:alert(1)",
    "https://good.example@169.254.169.254/token",
    "https://user:password@auth.example/token",
    "https://",
  ])("that is %o is refused, and nothing is connected to", async (realm) => {
    const attempted: string[] = [];
    await using rig = await publicRig(realm, attempted);
    const error = await rig.lading.pull("registry.example/app:1").catch((error: unknown) => error);
    expect(["malformed", "refused", "unauthorized"]).toContain((error as { code: string }).code);
    expect(JSON.stringify(error)).not.toContain("password");
    expect(attempted).toEqual([REGISTRY]);
  });

  it("whose name means something inside the second time is not reached (DNS rebinding)", async () => {
    const registry = await ScriptedRegistry.start();
    await using _registry = registry;
    const challenge = 'Bearer realm="http://auth.example/token"';
    registry.on(/./, status(401, { "www-authenticate": challenge }), 99);
    const attempted: string[] = [];
    const means = ["93.184.216.35", "10.0.0.1"];
    await using rig = await faultRig({
      plainHttp: ["registry.example"],
      retry: { retries: 3, baseMs: 1, capMs: 1, random: () => 0 },
      transport: {
        lookup: async (name) => {
          const address = name === "auth.example" ? (means.shift() ?? "10.0.0.1") : REGISTRY;
          return [{ address, family: 4 }];
        },
        connect: ({ address }) => {
          attempted.push(address);
          return address === REGISTRY ? connect(registry.port, "127.0.0.1") : refusedSocket();
        },
      },
    });
    await expect(rig.lading.pull("registry.example/app:1")).rejects.toMatchObject({
      code: "refused",
    });
    expect(new Set(attempted)).toEqual(new Set([REGISTRY, "93.184.216.35"]));
  });
});

it("a token realm that leads from one public host to another leads no further inside", async () => {
  const registry = await ScriptedRegistry.start();
  const realm = await ScriptedRegistry.start();
  await using _registry = registry;
  await using _realm = realm;
  const challenge = 'Bearer realm="http://auth.example/token"';
  registry.on(/./, status(401, { "www-authenticate": challenge }), 99);
  realm.on("GET /token", redirectTo("http://second.example/token"));
  realm.on("GET /token", redirectTo("http://inside.example/token"));
  const addresses: Readonly<Record<string, string>> = {
    "registry.example": REGISTRY,
    "auth.example": "93.184.216.35",
    "second.example": "93.184.216.36",
    "inside.example": "10.1.2.3",
  };
  const attempted: string[] = [];
  await using rig = await faultRig({
    plainHttp: ["registry.example"],
    retry: noRetry,
    transport: {
      lookup: async (name) => [{ address: addresses[name] ?? "10.0.0.1", family: 4 }],
      connect: ({ address }) => {
        attempted.push(address);
        return connect(address === REGISTRY ? registry.port : realm.port, "127.0.0.1");
      },
    },
  });
  await expect(rig.lading.pull("registry.example/app:1")).rejects.toMatchObject({
    code: "refused",
  });
  expect(attempted.filter((address) => address !== REGISTRY)).toEqual([
    "93.184.216.35",
    "93.184.216.36",
  ]);
});

describe("a token realm of a registry on a private network", () => {
  it.each([
    ["that network", "10.0.0.6", "network"],
    ["the internet", "93.184.216.35", "network"],
    ["this machine", "127.0.0.1", "refused"],
    ["the metadata service", "169.254.169.254", "refused"],
  ])("on %s (%s): %s", async (_, address, code) => {
    const registry = await ScriptedRegistry.start();
    await using _registry = registry;
    const challenge = `Bearer realm="http://${address}:1/token"`;
    registry.on(/./, status(401, { "www-authenticate": challenge }), 99);
    const attempted: string[] = [];
    await using rig = await faultRig({
      plainHttp: ["registry.lan"],
      retry: noRetry,
      transport: {
        lookup: async () => [{ address: "10.0.0.5", family: 4 }],
        connect: ({ address }) => {
          attempted.push(address);
          return address === "10.0.0.5" ? connect(registry.port, "127.0.0.1") : refusedSocket();
        },
      },
    });
    await expect(rig.lading.pull("registry.lan/app:1")).rejects.toMatchObject({ code });
    const reached = code === "network" ? ["10.0.0.5", address] : ["10.0.0.5"];
    expect([...new Set(attempted)]).toEqual(reached);
  });
});

it("a token realm of a registry that speaks TLS is never asked in the open (CVE-2019-10214)", async () => {
  const authority = createAuthority();
  await using registry = await ScriptedRegistry.start({
    tls: authority.issue({ names: ["registry.test"] }),
  });
  await using realm = await ScriptedRegistry.start();
  registry.challenge = `Bearer realm="http://auth.test:${realm.port}/token"`;
  const name = `registry.test:${registry.port}`;
  const attempted: number[] = [];
  await using rig = await faultRig({
    retry: noRetry,
    credentials: hostCredentials({
      [name]: { kind: "basic", username: "me", password: "pa55w0rd" },
    }),
    transport: {
      ca: authority.cert,
      lookup: async () => [{ address: REGISTRY, family: 4 }],
      connect: ({ port }) => {
        attempted.push(port);
        return connect(port, "127.0.0.1");
      },
    },
  });
  await expect(rig.lading.pull(`${name}/app:1`)).rejects.toMatchObject({
    code: "refused",
    hint: expect.stringContaining("credentials would pass in the open"),
  });
  expect(new Set(attempted)).toEqual(new Set([registry.port]));
  expect(realm.received).toEqual([]);
});
