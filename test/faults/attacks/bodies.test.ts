import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { hostCredentials } from "../../../src/registry/auth/credentials.ts";
import {
  type Answer,
  endless,
  ScriptedRegistry,
  status,
} from "../../registry/scripted-registry.ts";
import { faultRig, noRetry, type Rig } from "../rig.ts";

const MB = 1_000_000;

/** What is asked of a registry, each by a call of the library and the request that it leads to. */
const ASKED: readonly (readonly [what: string, request: string, call: (rig: Rig) => unknown])[] = [
  ["a manifest", "GET /v2/app/manifests/", (rig) => rig.pull()],
  [
    "the head of a manifest",
    "HEAD /v2/app/manifests/",
    (rig) => rig.lading.ratelimit(rig.reference),
  ],
  ["a config or a layer", "GET /v2/app/blobs/", (rig) => rig.pull()],
  ["a list of tags", "GET /v2/app/tags/", (rig) => tagsOf(rig)],
  ["a token", "GET /token", (rig) => rig.pull()],
];

async function tagsOf(rig: Rig): Promise<void> {
  for await (const _ of rig.lading.tags(rig.reference));
}

/** A registry with a token server of its own, and an account there. */
async function rigFor(request: string, answer: Answer): Promise<Rig> {
  const byHost: Record<string, { kind: "basic"; username: string; password: string }> = {};
  const rig = await faultRig({
    retry: noRetry,
    credentials: { get: (asked, options) => hostCredentials(byHost).get(asked, options) },
  });
  byHost[rig.registry.address] = { kind: "basic", username: "me", password: "pa55w0rd" };
  rig.registry.challenge = `Bearer realm="http://${rig.registry.address}/token"`;
  rig.registry.on(request, answer, 99);
  rig.registry.on("GET /token", status(200, {}, JSON.stringify({ token: "t0ken" })), 99);
  return rig;
}

/** Runs a call that has to fail with one error of lading's, and says how much memory it took. */
async function failing(rig: Rig, call: (rig: Rig) => unknown): Promise<number> {
  const before = process.memoryUsage.rss();
  await expect(Promise.resolve(call(rig)), rig.registry.asked.join("\n")).rejects.toMatchObject({
    name: "LadingError",
  });
  return process.memoryUsage.rss() - before;
}

describe.each(ASKED)("%s", (_, request, call) => {
  it("that comes with too many headers is an error, and takes no memory (CWE-770)", async () => {
    const flood = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [`x-flood-${index}`, "x".repeat(20)]),
    );
    await using rig = await rigFor(request, status(200, flood));
    expect(await failing(rig, call)).toBeLessThan(100 * MB);
  });

  it("that comes with one header without end is an error", async () => {
    await using rig = await rigFor(request, ({ response }) => {
      response.socket?.write(`HTTP/1.1 200 OK\r\nx-flood: ${"x".repeat(10 * MB)}`);
    });
    expect(await failing(rig, call)).toBeLessThan(100 * MB);
  });
});

/** 10 GB of zeros in members of 100 MB, which a hundred kilobytes hold each. */
function bomb(): Answer {
  const member = gzipSync(Buffer.alloc(100 * MB));
  return ({ request, response }) => {
    response.writeHead(200, { "content-encoding": "gzip", "content-type": "application/json" });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    for (let sent = 0; sent < 100; sent += 1) response.write(member);
    response.end();
  };
}

describe.each(ASKED.filter(([, request]) => !request.startsWith("HEAD")))(
  "%s",
  (_, request, call) => {
    it("that is compressed, unasked, to 10 GB of zeros is never inflated", async () => {
      await using rig = await rigFor(request, bomb());
      expect(await failing(rig, call)).toBeLessThan(150 * MB);
    });

    it("that never ends is an error, and takes no memory (CVE-2020-1702)", async () => {
      await using rig = await rigFor(request, endless());
      expect(await failing(rig, call)).toBeLessThan(150 * MB);
    });
  },
);

describe("an error of a registry", () => {
  it.each([401, 403, 404, 429, 500])(
    "%i that never ends is told, and its end not waited for",
    async (code) => {
      await using rig = await faultRig({ retry: noRetry });
      rig.registry.on("HEAD", status(405), 99).on(/./, endless({}, code), 99);
      expect(await failing(rig, () => rig.pull())).toBeLessThan(100 * MB);
    },
  );
});

describe("a token server that drips", () => {
  it("is given up, however often a byte comes (slow loris)", async () => {
    await using realm = await ScriptedRegistry.start();
    await using rig = await faultRig({
      retry: noRetry,
      timeouts: { idleMs: 10_000, headersMs: 300 },
    });
    rig.registry.challenge = `Bearer realm="http://${realm.address}/token"`;
    realm.on(
      "GET /token",
      ({ response }) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write('{"token":"');
        const drip = setInterval(() => response.write("x"), 20);
        response.on("close", () => clearInterval(drip));
      },
      9,
    );
    await expect(rig.pull()).rejects.toMatchObject({ code: "network" });
  });
});
