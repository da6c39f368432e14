import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type LoadOptions, loadSettings } from "../../../src/registry/settings/load.ts";
import type { SettingsProblem } from "../../../src/registry/settings/problem.ts";
import { temporaryFolder } from "../../temporary.ts";

interface Machine {
  readonly folder: string;
  readonly told: SettingsProblem[];
  load(options?: LoadOptions): ReturnType<typeof loadSettings>;
}

/** A machine with these files, by their path from its root, and nothing else. */
async function machine(files: Readonly<Record<string, string>>): Promise<Machine> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const told: SettingsProblem[] = [];
  const usual = {
    environment: {},
    home: join(folder, "home"),
    etc: join(folder, "etc"),
    uid: 1000,
    onProblem: (problem: SettingsProblem) => void told.push(problem),
  };
  return { folder, told, load: (options = {}) => loadSettings({ ...usual, ...options }) };
}

const MIRROR = (url: string): string => `[host."${url}"]\n`;

describe("settings", () => {
  it("of a machine without any are those of the registry alone", async () => {
    const { load } = await machine({});
    const { server, mirrors, plainHttp, origins } = await load().forRegistry("docker.io");
    expect(server.base.href).toBe("https://registry-1.docker.io/v2/");
    expect(server).toMatchObject({
      trusted: true,
      namespace: false,
      headers: {},
      proxy: undefined,
    });
    expect([mirrors, plainHttp, [...origins]]).toEqual([[], false, []]);
  });

  it("are the system's, over which the user's win key by key, lists as a whole", async () => {
    const { folder, load } = await machine({
      "etc/lading/lading.toml": `
[defaults]
concurrency = 4
proxy = "http://proxy.lan"
[registry."a.lan"]
ca = ["one.pem", "two.pem"]
headers = { x-a = "1", x-b = "1" }
timeouts = { connect = "1s", idle = "1s" }`,
      "home/.config/lading/lading.toml": `
[defaults]
concurrency = 2
[registry."a.lan"]
ca = "three.pem"
headers = { x-b = "2" }
timeouts = { idle = "2s" }`,
    });
    const { server, origins } = await load().forRegistry("a.lan");
    expect(server).toMatchObject({
      concurrency: 2,
      tls: { ca: [join(folder, "home/.config/lading/three.pem")] },
      headers: { "x-a": "1", "x-b": "2" },
      timeouts: { connectMs: 1000, idleMs: 2000 },
    });
    expect(String(server.proxy)).toBe("http://proxy.lan/");
    expect(origins.get("headers.x-a")).toBe(join(folder, "etc/lading/lading.toml"));
    expect(origins.get("headers.x-b")).toBe(join(folder, "home/.config/lading/lading.toml"));
  });

  it("meant for one host do not go with the registry to another", async () => {
    const { load } = await machine({
      "etc/containerd/certs.d/a.lan/hosts.toml": `
server = "https://first.lan"
ca = "ca.pem"
client = "client.pem"
skip_verify = true
[header]
x-secret = "1"
[host."https://mirror.lan"]`,
      "home/.config/lading/lading.toml": '[registry."a.lan"]\nserver = "https://second.lan"',
    });
    const settings = load();
    const { server, mirrors } = await settings.forRegistry("a.lan");
    expect(server.base.host).toBe("second.lan");
    expect(server.tls).toEqual({ ca: [], client: [], skipVerify: false });
    expect(server.headers).toEqual({});
    expect(mirrors).toHaveLength(1);
    expect((await settings.forOrigin("https://second.lan")).headers).toEqual({});
  });

  it("are of the file that is named, and of no other", async () => {
    const { folder, load } = await machine({
      "etc/lading/lading.toml": "[defaults]\nconcurrency = 1",
      "mine.toml": "[defaults]\nrequests-per-second = 2",
    });
    const path = join(folder, "mine.toml");
    for (const options of [{ config: path }, { environment: { LADING_CONFIG: path } }]) {
      const { server } = await load(options).forRegistry("a.lan");
      expect(server).toMatchObject({ concurrency: undefined, requestsPerSecond: 2 });
    }
    for (const options of [
      { config: `${path}x` },
      { environment: { LADING_CONFIG: `${path}x` } },
    ]) {
      await expect(load(options).forRegistry("a.lan")).rejects.toMatchObject({ code: "usage" });
    }
  });

  it("are none at all with config: false, whatever is there and whatever a variable names", async () => {
    const { folder, load } = await machine({
      "etc/lading/lading.toml": "broken",
      "etc/docker/certs.d/a.lan/ca.crt": "",
    });
    const settings = load({
      config: false,
      environment: {
        LADING_CONFIG: join(folder, "none"),
        LADING_CERTS_D: join(folder, "etc/docker/certs.d"),
      },
    });
    expect((await settings.forRegistry("a.lan")).server.tls.ca).toEqual([]);
  });

  it("that are broken fail what asks for them, with file and line, until they are mended", async () => {
    const { folder, load } = await machine({ "etc/lading/lading.toml": "[defaults]\nnothing = 1" });
    const path = join(folder, "etc/lading/lading.toml");
    const settings = load();
    for (const asked of [settings.forRegistry("a.lan"), settings.forOrigin("https://a.lan")]) {
      await expect(asked).rejects.toMatchObject({
        code: "usage",
        message: expect.stringContaining(`${path}:2:1: "nothing" is not known`),
        context: { path },
      });
    }
    await writeFile(path, "[defaults]\nconcurrency = 1");
    expect((await settings.forRegistry("a.lan")).server.concurrency).toBe(1);
  });

  it("that have no effect are told, once", async () => {
    const { told, load } = await machine({
      "etc/containerd/certs.d/a.lan/hosts.toml": "nothing = 1",
    });
    const settings = load();
    await settings.forRegistry("a.lan");
    await settings.forRegistry("a.lan");
    expect(told).toMatchObject([{ severity: "warning", key: "nothing", line: 1 }]);
  });
});

describe("folders of hosts.toml and certificates", () => {
  const everywhere = Object.fromEntries(
    ["home/.config", "etc"].flatMap((place) =>
      ["containerd", "docker", "containers"].map((tool) => [
        `${place}/${tool}/certs.d/a.lan/hosts.toml`,
        MIRROR(`https://${tool}.${place.replace(/\W/g, "")}`),
      ]),
    ),
  );
  const hostsOf = async (settings: ReturnType<typeof loadSettings>, registry: string) =>
    (await settings.forRegistry(registry)).mirrors.map(({ base }) => base.host);

  it("are a user's, then the system's; of root the system's alone", async () => {
    const { load } = await machine(everywhere);
    expect(await hostsOf(load(), "a.lan")).toEqual(["containerd.homeconfig"]);
    expect(await hostsOf(load({ uid: 0 }), "a.lan")).toEqual(["containerd.etc"]);
  });

  it("are those that LADING_CERTS_D or certs-d names, in place of the usual", async () => {
    const { folder, load } = await machine({
      ...everywhere,
      "x/a.lan/hosts.toml": MIRROR("https://x"),
      "y/b.lan/hosts.toml": MIRROR("https://y"),
      "mine.toml": 'certs-d = "y"'.replace(/^/, "[defaults]\n"),
    });
    const LADING_CERTS_D = `${join(folder, "x")}:${join(folder, "y")}`;
    const named = load({ environment: { LADING_CERTS_D } });
    expect([await hostsOf(named, "a.lan"), await hostsOf(named, "b.lan")]).toEqual([["x"], ["y"]]);
    const filed = load({ config: join(folder, "mine.toml") });
    expect([await hostsOf(filed, "a.lan"), await hostsOf(filed, "b.lan")]).toEqual([[], ["y"]]);
  });

  it("of every registry without one of its own: _default; an origin that is led to has none", async () => {
    const { load } = await machine({
      "etc/containerd/certs.d/_default/hosts.toml": `ca = "ca.pem"\n${MIRROR("https://mirror.lan")}ca = "m.pem"`,
    });
    const settings = load();
    expect(await hostsOf(settings, "a.lan")).toEqual(["mirror.lan"]);
    expect((await settings.forOrigin("https://auth.lan")).tls.ca).toEqual([]);
    expect((await settings.forOrigin("https://mirror.lan")).tls.ca).toHaveLength(1);
    // The mirror itself is not asked twice.
    expect(await hostsOf(settings, "mirror.lan")).toEqual([]);
  });

  it("give way to what lading.toml says, key by key", async () => {
    const { load } = await machine({
      "etc/containerd/certs.d/a.lan/hosts.toml": `ca = "ca.pem"\n${MIRROR("https://one.lan")}`,
      "etc/lading/lading.toml": '[[registry."a.lan".mirror]]\nurl = "https://two.lan"',
    });
    const settings = load();
    expect(await hostsOf(settings, "a.lan")).toEqual(["two.lan"]);
    expect((await settings.forRegistry("a.lan")).server.tls.ca).toHaveLength(1);
  });
});

describe("mirrors", () => {
  it("may resolve tags as they are capable, unless the registry says never", async () => {
    const toml = (tags: string) => `
[registry."a.lan"]
${tags}
[[registry."a.lan".mirror]]
url = "https://m.lan"
capabilities = ["pull", "resolve"]
[[registry."a.lan".mirror]]
url = "https://n.lan"`;
    const can = async (text: string) => {
      const { load } = await machine({ "etc/lading/lading.toml": text });
      const { mirrors } = await load().forRegistry("a.lan");
      return mirrors.map(({ capabilities }) => [...capabilities].join());
    };
    expect(await can(toml(""))).toEqual(["pull,resolve", "pull"]);
    expect(await can(toml('mirror-tags = "never"'))).toEqual(["pull", "pull"]);
  });

  it("do not wait as long as the registry is waited for", async () => {
    const { load } = await machine({
      "etc/lading/lading.toml": `
[defaults.timeouts]
connect = "30s"
[[registry."a.lan".mirror]]
url = "https://m.lan"
timeouts = { idle = "1s" }`,
    });
    const settings = load();
    const { mirrors, server } = await settings.forRegistry("a.lan");
    expect(server.timeouts).toEqual({ connectMs: 30_000 });
    expect(mirrors[0]?.timeouts).toEqual({ idleMs: 1000 });
    expect((await settings.forOrigin("https://m.lan")).timeouts).toEqual({ idleMs: 1000 });
  });
});

describe("an origin that something led to", () => {
  const TOML = `
[defaults]
ca = "company.pem"
[registry."a.lan"]
ca = "a.pem"
skip-verify = true
headers = { x-a = "1" }
client = [{ cert = "a-client.pem" }]
[registry."auth.lan"]
ca = "auth.pem"
headers = { x-auth = "1" }
[registry."moved.lan"]
server = "https://elsewhere.lan"
headers = { x-moved = "1" }
[[registry."docker.io".mirror]]
url = "https://mirror.lan/hub"
ca = "mirror.pem"
headers = { x-mirror = "1" }
[registry."mirror.lan"]
ca = "own.pem"
headers = { x-own = "1", x-mirror = "2" }
`;
  const file = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

  it("gets its own entry's settings, and nothing of who led there (GHSA-whvf-jp7m-59f3)", async () => {
    const { load } = await machine({ "etc/lading/lading.toml": TOML });
    const settings = load();
    await settings.forRegistry("a.lan");
    const auth = await settings.forOrigin("https://auth.lan");
    expect(auth.tls.ca.map(file)).toEqual(["company.pem", "auth.pem"]);
    expect(auth).toMatchObject({
      headers: { "x-auth": "1" },
      tls: { client: [], skipVerify: false },
    });
    for (const origin of [
      "https://cdn.lan",
      "https://a.lan:8443",
      "http://a.lan",
      "https://moved.lan",
    ]) {
      const { tls, headers } = await settings.forOrigin(origin);
      expect([tls.ca.map(file), tls.client, tls.skipVerify, headers], origin).toEqual([
        ["company.pem"],
        [],
        false,
        {},
      ]);
    }
    expect((await settings.forOrigin("https://elsewhere.lan")).headers).toEqual({ "x-moved": "1" });
    expect((await settings.forOrigin("https://a.lan")).tls.skipVerify).toBe(true);
  });

  it("gets what is said of it as a mirror before what its own entry says; authorities of both", async () => {
    const { load } = await machine({ "etc/lading/lading.toml": TOML });
    const settings = load();
    const [mirror] = (await settings.forRegistry("docker.io")).mirrors;
    for (const it of [mirror, await settings.forOrigin("https://mirror.lan")]) {
      expect(it?.tls.ca.map(file)).toEqual(["company.pem", "mirror.pem", "own.pem"]);
      expect(it?.headers).toEqual({ "x-mirror": "1", "x-own": "1" });
    }
  });

  it("gets what its folder of certificates holds, though no reference named it", async () => {
    const { load } = await machine({ "etc/docker/certs.d/auth.lan:5001/ca.crt": "" });
    const settings = load();
    expect((await settings.forOrigin("https://auth.lan:5001")).tls.ca.map(file)).toEqual([
      "ca.crt",
    ]);
    expect((await settings.forOrigin("https://auth.lan")).tls.ca).toEqual([]);
  });

  it("is docker.io's server, by the name that it answers under", async () => {
    const { load } = await machine({ "etc/docker/certs.d/docker.io/ca.crt": "" });
    const { tls } = await load().forOrigin("https://registry-1.docker.io");
    expect(tls.ca.map(file)).toEqual(["ca.crt"]);
  });
});

describe("http", () => {
  it("is spoken to whom the caller or a file names", async () => {
    const { load } = await machine({
      "etc/lading/lading.toml": '[registry."a.lan:5000"]\nhttp = true',
    });
    const settings = load({ plainHttp: ["b.lan"], trustHosts: ["c.lan"] });
    for (const [registry, base] of [
      ["a.lan:5000", "http://a.lan:5000/v2/"],
      ["b.lan", "http://b.lan/v2/"],
    ] as const) {
      const { server, plainHttp, trustHosts } = await settings.forRegistry(registry);
      expect([server.base.href, plainHttp, trustHosts]).toEqual([base, true, ["c.lan"]]);
    }
    expect((await settings.forRegistry("c.lan")).plainHttp).toBe(false);
  });
});

describe("the system's authorities", () => {
  it("are given up for Node's by system-roots = false", async () => {
    const { folder, load } = await machine({
      "etc/lading/lading.toml": "[defaults]\nsystem-roots = false",
      "bundle.pem": "",
    });
    const environment = { SSL_CERT_FILE: join(folder, "bundle.pem") };
    expect(await load({ environment }).roots?.()).toBeUndefined();
    // Elsewhere they are read, and a bundle that holds none is an error.
    await expect(load({ environment, config: false }).roots?.()).rejects.toMatchObject({
      code: "usage",
    });
  });
});
