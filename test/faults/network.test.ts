import type { LookupAddress } from "node:dns";
import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import {
  type Credential,
  type CredentialSource,
  hostCredentials,
} from "../../src/registry/auth/credentials.ts";
import type { Transport } from "../../src/registry/connections/transport.ts";
import { makeIndex } from "../../src/testkit/index.ts";
import type { OpenOptions } from "../../src/verbs/session.ts";
import { refusedSocket } from "../registry/refused-socket.ts";
import {
  endless,
  redirectTo,
  ScriptedRegistry,
  status,
  substitute,
} from "../registry/scripted-registry.ts";
import { publicRig } from "./public-rig.ts";
import { faultRig, layerOf, noRetry, type Rig } from "./rig.ts";

const SECRET = "hunter2-very-secret";

describe("credentials", () => {
  it("do not follow a redirect to another origin (GHSA-vh4v-2xq2-g5cg, CVE-2026-120415)", async () => {
    await using other = await ScriptedRegistry.start();
    await using rig = await secretRig();
    rig.registry.on("GET /v2/app/blobs/", redirectTo(`http://${other.address}/blob`), 9);
    const layer = rig.registry.content.blobs.get(rig.image.layers[0]?.digest ?? ("" as never));
    const config = rig.registry.content.blobs.get(rig.image.config.digest);
    other.on("GET /blob", status(401, { "www-authenticate": 'Basic realm="mine"' }));
    await expect(rig.pull()).rejects.toMatchObject({ code: "unauthorized" });
    expect(layer && config).toBeDefined();
    expect(other.received.length).toBeGreaterThan(0);
    for (const { headers } of other.received) {
      expect(headers.authorization).toBeUndefined();
      expect(headers.cookie).toBeUndefined();
    }
  });

  it("are not put back on the retry after a redirect", async () => {
    await using other = await ScriptedRegistry.start();
    await using rig = await secretRig();
    const bytes = rig.registry.content.blobs.get(rig.image.config.digest) ?? new Uint8Array();
    rig.registry.on(
      `GET /v2/app/blobs/${rig.image.config.digest}`,
      redirectTo(`http://${other.address}/config`),
      9,
    );
    other
      .on("GET /config", status(503))
      .on("GET /config", ({ response }) => void response.end(bytes));
    await rig.pull();
    expect(other.received).toHaveLength(2);
    expect(JSON.stringify(other.received)).not.toContain(SECRET);
    expect(other.received.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it("go to the token server that an allowed realm names, and to nobody else", async () => {
    await using realm = await ScriptedRegistry.start();
    await using rig = await secretRig({}, `Bearer realm="http://REALM/token",service="s"`, realm);
    realm.on("GET /token", substituteToken("t0ken"), 9);
    await rig.pull();
    expect(realm.asked[0]).toBe("GET /token?service=s&scope=repository%3Aapp%3Apull");
    expect(realm.received[0]?.headers.authorization).toMatch(/^Basic /);
    const sent = rig.registry.received.map(({ headers }) => headers.authorization);
    expect(new Set(sent)).toEqual(new Set([undefined, "Bearer t0ken"]));
  });
});

describe("a token realm", () => {
  it.each([
    ["a link-local address", "https://169.254.169.254/token"],
    ["the metadata service by its IPv6 address", "https://[fd00:ec2::254]/token"],
    ["loopback", "https://127.0.0.1:1/token"],
    ["IPv6 loopback", "https://[::1]:1/token"],
    ["a mapped loopback address", "https://[::ffff:127.0.0.1]:1/token"],
    ["a NAT64 private address", "https://[64:ff9b::10.0.0.1]/token"],
    ["the unspecified address", "https://0.0.0.0/token"],
    ["a decimal address", "https://2130706433/token"],
    ["an octal address", "https://0177.0.0.1/token"],
    ["a name that resolves to a private address", "https://inside.example/token"],
    ["a name that resolves to the metadata service", "https://meta.example/token"],
  ])("of a public registry is refused on %s (CVE-2026-48978, CVE-2026-33540)", async (_, realm) => {
    const attempted: string[] = [];
    await using rig = await publicRig(realm, attempted);
    await expect(rig.lading.pull("registry.example/app:1")).rejects.toMatchObject({
      code: "refused",
    });
    expect(attempted).toEqual(["93.184.216.34"]);
  });

  it("on another public host is asked, as docker.io's is", async () => {
    const attempted: string[] = [];
    await using rig = await publicRig("https://auth.example/token", attempted);
    await expect(rig.lading.pull("registry.example/app:1")).rejects.toMatchObject({
      code: "network",
    });
    expect(attempted).toContain("93.184.216.35");
  });

  it("that a name leads to 198.18.0.0/15 is asked: proxies answer with it", async () => {
    const attempted: string[] = [];
    await using rig = await publicRig("https://proxied.example/token", attempted);
    await expect(rig.lading.pull("registry.example/app:1")).rejects.toMatchObject({
      code: "network",
    });
    expect(attempted).toContain("198.18.0.7");
  });

  it("that redirects inside is not followed there", async () => {
    await using realm = await ScriptedRegistry.start();
    const seen: string[] = [];
    const options = { transport: watched(seen, {}) };
    await using rig = await secretRig(options, `Bearer realm="http://REALM/token"`, realm);
    realm.on("GET /token", redirectTo("http://169.254.169.254/latest/meta-data"), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code: "refused" });
    expect(new Set(seen)).toEqual(new Set([rig.registry.address, realm.address]));
  });

  it("that is trusted by name is asked, but never a metadata address", async () => {
    const attempted: string[] = [];
    const trustHosts = ["inside.example", "meta.example"];
    await using inside = await publicRig("https://inside.example/token", attempted, trustHosts);
    await expect(inside.lading.pull("registry.example/app:1")).rejects.toMatchObject({
      code: "network",
    });
    expect(attempted).toContain("10.1.2.3");
    const metaAttempted: string[] = [];
    await using meta = await publicRig("https://meta.example/token", metaAttempted, trustHosts);
    await expect(meta.lading.pull("registry.example/app:1")).rejects.toMatchObject({
      code: "refused",
    });
    expect(metaAttempted).toEqual(["93.184.216.34"]);
  });

  it("that answers with too much, with a page, or with no token is an error, not a crash", async () => {
    for (const [answer, code] of [
      [endless(), "limit-exceeded"],
      [status(200, {}, "<html>log in</html>"), "malformed"],
      [status(200, {}, '{"token":"a\\r\\nb"}'), "malformed"],
      [status(200, {}, "{}"), "malformed"],
      [status(401, {}, '{"details":"incorrect username or password"}'), "unauthorized"],
    ] as const) {
      await using realm = await ScriptedRegistry.start();
      await using rig = await secretRig({}, `Bearer realm="http://REALM/token"`, realm);
      realm.on("GET /token", answer, 9);
      await expect(rig.pull()).rejects.toMatchObject({ code });
    }
  });
});

describe("a redirect", () => {
  it("to a metadata address is refused without a connection", async () => {
    const seen: string[] = [];
    await using rig = await faultRig({ transport: watched(seen, {}) });
    rig.registry.on(layerOf(rig), redirectTo("http://169.254.169.254/latest"), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code: "refused" });
    expect(new Set(seen)).toEqual(new Set([rig.registry.address]));
  });

  it("that goes round in circles ends", async () => {
    await using rig = await faultRig();
    rig.registry.on(
      "GET /v2/app/blobs/",
      ({ request, response }) => {
        response.writeHead(307, { location: String(request.url) }).end();
      },
      99,
    );
    await expect(rig.pull()).rejects.toMatchObject({ code: "registry-unavailable" });
  });

  it("is gone to directly for the further ranges of a blob, until it no longer answers", async () => {
    await using other = await ScriptedRegistry.start();
    await using rig = await faultRig({
      parallel: { above: 100_000, chunk: 100_000, streams: 1, helpAfterMs: 0 },
    });
    const bytes = rig.registry.content.blobs.get(rig.image.layers[0]?.digest ?? ("" as never));
    const signed = `http://${other.address}/cdn?X-Amz-Signature=abc`;
    rig.registry.on(layerOf(rig), redirectTo(signed), 2);
    let answered = 0;
    other.on(
      "GET /cdn",
      ({ request, response }) => {
        answered += 1;
        if (answered === 3) return void response.writeHead(403).end();
        const [, first = 0, last = 0] =
          /([0-9]+)-([0-9]+)/.exec(String(request.headers.range)) ?? [];
        const part = bytes?.subarray(Number(first), Number(last) + 1) ?? new Uint8Array();
        const range = `bytes ${first}-${last}/${bytes?.length}`;
        response
          .writeHead(206, { "content-range": range, "content-length": part.length })
          .end(part);
      },
      99,
    );
    await rig.pull();
    expect(await rig.whole()).toBe(true);
    const asked = rig.registry.asked.filter((line) => line === layerOf(rig));
    expect(asked).toHaveLength(2);
  });
});

describe("a CDN that a registry redirects to", () => {
  it("is gone back to in its own scheme, though the registry is spoken to in http by name", async () => {
    await using rig = await cdnRig(["93.184.216.35"]);
    await rig.pull();
    expect(await rig.whole()).toBe(true);
    expect(rig.attempted.every((target) => target === CDN || target === REGISTRY)).toBe(true);
  });

  it("is not gone back to at an address inside that its name means by then (DNS rebinding)", async () => {
    await using rig = await cdnRig(["93.184.216.35", "10.0.0.1"]);
    await expect(rig.pull()).rejects.toMatchObject({ code: "refused" });
    expect(rig.attempted).toContain(CDN);
    expect(rig.attempted.filter((target) => target.startsWith("10."))).toEqual([]);
  });

  it("does not take over the paging of a tag list (GHSA-h7vf-4x9w-h99v)", async () => {
    await using other = await ScriptedRegistry.start();
    await using rig = await faultRig();
    rig.registry.on("GET /v2/app/tags", redirectTo(`http://${other.address}/tags`));
    const link = `<http://${other.address}/more>; rel="next"`;
    other.on("GET /tags", status(200, { link }, '{"tags":["1"]}'));
    await expect(collect(rig)).rejects.toMatchObject({ code: "refused" });
    expect(other.asked).toEqual([expect.stringMatching(/^GET \/tags/)]);
  });
});

describe("what others send", () => {
  it("is bounded: manifests, errors and tag lists without end (CVE-2020-1702, ggcr #2296)", async () => {
    await using rig = await faultRig();
    rig.registry.on("HEAD", status(405), 9).on("GET /v2/app/manifests/1", endless(), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code: "limit-exceeded" });
    rig.registry.on("GET /v2/app/tags", endless(), 9);
    await expect(collect(rig)).rejects.toMatchObject({ code: "limit-exceeded" });
  });

  it("leads nowhere else: a tag list on another host, or one that goes on for ever (GHSA-h7vf-4x9w-h99v)", async () => {
    const seen: string[] = [];
    await using rig = await faultRig({ transport: watched(seen, {}) });
    const page = '{"name":"app","tags":["1"]}';
    rig.registry.on(
      "GET /v2/app/tags",
      status(200, { link: '<http://169.254.169.254/>; rel="next"' }, page),
    );
    await expect(collect(rig)).rejects.toMatchObject({ code: "refused" });
    const again = { link: '</v2/app/tags/list?n=1000>; rel="next"' };
    rig.registry.on("GET /v2/app/tags", status(200, again, page), 9);
    await expect(collect(rig)).rejects.toMatchObject({ code: "limit-exceeded" });
    expect(new Set(seen)).toEqual(new Set([rig.registry.address]));
  });

  it("is not inflated when it comes compressed unasked", async () => {
    await using rig = await faultRig();
    rig.registry.on(layerOf(rig), substitute(Buffer.alloc(10), { "content-encoding": "gzip" }), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code: "malformed" });
  });

  it("may not nest without end (GHSA-298f-872v-2rcx)", async () => {
    await using rig = await faultRig();
    let top = rig.image.descriptor;
    for (let depth = 0; depth < 20; depth += 1)
      top = makeIndex(rig.registry.content, [{ descriptor: top }]);
    rig.registry.content.tag("deep:1", top);
    await expect(
      rig.lading.pull(`${rig.registry.address}/deep:1`, { allPlatforms: true }),
    ).rejects.toMatchObject({ code: "limit-exceeded" });
  });
});

describe("secrets", () => {
  it("of signed URLs show in no error and no event (containerd 7b11d6ca, GHSA-5jhf-2qmf-m8c5)", async () => {
    await using other = await ScriptedRegistry.start();
    await using rig = await faultRig();
    const signed = `http://user:pw@${other.address}/blob?X-Amz-Signature=${SECRET}`;
    rig.registry.on("GET /v2/app/blobs/", redirectTo(signed), 9);
    other.on(
      "GET /blob",
      status(403, {}, `{"errors":[{"message":"url ?sig=${SECRET} token: ${SECRET}"}]}`),
      9,
    );
    const error = await rig.pull().catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "unauthorized" });
    const shown = JSON.stringify([
      error,
      (error as Error).message,
      (error as Error).stack,
      rig.events,
    ]);
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(":pw@");
  });

  it("of the user show in no error and no event (GHSA-5jhf-2qmf-m8c5)", async () => {
    await using rig = await secretRig();
    rig.registry.on("GET /v2/app/manifests", status(403), 99);
    const error = await rig.pull().catch((error: unknown) => error);
    const basic = Buffer.from(`user:${SECRET}`).toString("base64");
    const shown = JSON.stringify([error, (error as Error).stack, rig.events]);
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain(basic);
  });
});

/** A registry that wants credentials, and lading that has them. */
async function secretRig(
  options: OpenOptions = {},
  challenge = 'Basic realm="r"',
  realm?: ScriptedRegistry,
): Promise<Rig> {
  const credential = { kind: "basic", username: "user", password: SECRET } as const;
  const byHost: Record<string, Credential> = {};
  const credentials: CredentialSource = {
    get: (request, options) => hostCredentials(byHost).get(request, options),
  };
  const rig = await faultRig({ credentials, ...options });
  byHost[rig.registry.address] = credential;
  rig.registry.challenge = challenge.replace("REALM", realm?.address ?? "");
  return rig;
}

const REGISTRY = "93.184.216.34";
const CDN = "93.184.216.35";

/** A registry and a CDN on public addresses, both in http; the CDN's name means each address in turn. */
async function cdnRig(
  addresses: readonly string[],
): Promise<Rig & { readonly attempted: string[] }> {
  const cdn = await ScriptedRegistry.start();
  const attempted: string[] = [];
  let resolved = 0;
  let registryPort = 0;
  const transport: Transport = {
    async lookup(hostname) {
      if (hostname === "registry.example") return [{ address: REGISTRY, family: 4 }];
      const address = addresses[Math.min(resolved, addresses.length - 1)] ?? CDN;
      resolved += 1;
      return [{ address, family: 4 }];
    },
    connect({ address }): Socket {
      attempted.push(address);
      return connect(address === REGISTRY ? registryPort : cdn.port, "127.0.0.1");
    },
  };
  const parallel = { above: 100_000, chunk: 100_000, streams: 1, helpAfterMs: 0 };
  const plainHttp = ["registry.example"];
  const rig = await faultRig({ transport, plainHttp, parallel, retry: noRetry });
  registryPort = rig.registry.port;
  const bytes = rig.registry.content.blobs.get(rig.image.layers[0]?.digest ?? ("" as never));
  rig.registry.on(layerOf(rig), redirectTo("http://cdn.example/layer"), 9);
  cdn.on(
    "GET /layer",
    ({ request, response }) => {
      const [, first = 0, last = 0] = /([0-9]+)-([0-9]+)/.exec(String(request.headers.range)) ?? [];
      const part = bytes?.subarray(Number(first), Number(last) + 1);
      const range = `bytes ${first}-${last}/${bytes?.length}`;
      // Hangs up each time, so that each request resolves the name again.
      response.writeHead(206, { "content-range": range, connection: "close" }).end(part);
    },
    9,
  );
  const reference = "registry.example/app:1";
  return {
    ...rig,
    attempted,
    pull: () => rig.lading.pull(reference),
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await cdn[Symbol.asyncDispose]();
    },
  };
}

/** Records where connections were to go; only loopback ones are made. */
function watched(seen: string[], names: Record<string, LookupAddress[]>): Transport {
  return {
    lookup: async (hostname) => names[hostname] ?? [{ address: "127.0.0.1", family: 4 }],
    connect({ address, port }): Socket {
      seen.push(`${address}:${port}`);
      return address === "127.0.0.1" ? connect(port, address) : refusedSocket();
    },
  };
}

function substituteToken(token: string) {
  return status(200, { "content-type": "application/json" }, JSON.stringify({ token }));
}

async function collect(rig: Rig): Promise<string[]> {
  const tags: string[] = [];
  for await (const tag of rig.lading.tags(rig.reference)) tags.push(tag);
  return tags;
}
