import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseReference } from "../../src/oci/reference.ts";
import type { Credential } from "../../src/registry/auth/credentials.ts";
import { randomImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { clientFor, describeText } from "../registry/client-rig.ts";
import {
  type Answer,
  redirectTo,
  reset,
  ScriptedRegistry,
  status,
  withHeaders,
} from "../registry/scripted-registry.ts";
import { TokenServer } from "../registry/token-server.ts";
import { temporaryFolder } from "../temporary.ts";
import { faultRig, noRetry, type Rig } from "./rig.ts";

const ME = { kind: "basic", username: "me", password: "hunter2-very-secret" } as const;
const BASIC = `Basic ${Buffer.from(`${ME.username}:${ME.password}`).toString("base64")}`;

/** What registries do that people use, each row as it was seen. */
describe("a registry", () => {
  it("that answers 401 to HEAD of blobs gives them by GET (ECR public)", async () => {
    await using test = await guardedRig();
    const { registry, lading, reference, image } = test.rig;
    const digest = image.layers[0]?.digest ?? "";
    const challenge = test.tokens.challenge("repository:app:pull");
    registry.on("HEAD /v2/app/blobs/", status(401, { "www-authenticate": challenge }), 99);
    registry.on(/./, test.tokens.guard(), 99);
    const stream = await lading.fetchBlob(reference, digest);
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    expect(bytes.length).toBe(image.layers[0]?.size);
    await test.rig.pull();
    expect(registry.asked.some((line) => line.startsWith("HEAD /v2/app/blobs/"))).toBe(true);
    expect(test.tokens.received.length).toBeLessThanOrEqual(2);
  });

  it.each([
    ["has", (rig: Rig) => rig.image.layers[0], true],
    ["has not", () => describeText("nowhere"), false],
  ])("that refuses HEAD of blobs tells by GET what it %s", async (_, blobOf, there) => {
    await using rig = await faultRig();
    rig.registry.on("HEAD /v2/app/blobs/", status(401), 99);
    const watched = exchanges();
    await using client = clientFor({ observers: [watched.observer] });
    const repository = await client.repository(parseReference(rig.reference));
    const blob = blobOf(rig) ?? describeText("");
    expect(await repository.has(blob)).toBe(there);
    // Nothing is left open, whatever the answer was.
    expect(watched.underWay).toBe(0);
    expect(rig.registry.received.at(-1)?.headers.range).toBe("bytes=0-0");
  });

  it("whose storage refuses whoever brings an Authorization gets none there (ACR, ECR's S3)", async () => {
    await using storage = await ScriptedRegistry.start();
    await using test = await guardedRig();
    const { registry, image } = test.rig;
    for (const { digest } of [...image.layers, image.config]) {
      const bytes = registry.content.blobs.get(digest) ?? new Uint8Array();
      storage.on(
        `GET /${digest}`,
        ({ request, response }) => {
          if (request.headers.authorization !== undefined) response.writeHead(400);
          response.end(request.headers.authorization === undefined ? bytes : "two ways");
        },
        9,
      );
    }
    registry.on(/./, guardedBlobs(test.tokens, storage.address), 99);
    await test.rig.pull();
    expect(await test.rig.whole()).toBe(true);
    expect(storage.received.length).toBeGreaterThan(1);
  });

  it("that gives a manifest to those alone who name its type is told it each time (ACR, Nexus)", async () => {
    await using rig = await faultRig();
    rig.registry.on(
      /./,
      ({ request, response, reply, path }) => {
        const { status: code, headers, body } = reply();
        const accept = request.headers.accept ?? "";
        const wanted = path.includes("/manifests/") ? headers["content-type"] : undefined;
        const refused = accept === "" || (wanted !== undefined && !accept.includes(wanted));
        response.writeHead(refused ? 400 : code, headers);
        response.end(request.method === "HEAD" || refused ? undefined : body);
      },
      99,
    );
    await rig.pull();
    expect(await rig.whole()).toBe(true);
    const accepts = rig.registry.received.map(({ headers }) => headers.accept);
    expect(accepts.every((accept) => accept !== undefined && accept !== "")).toBe(true);
  });

  it("that asks for a token without a scope is given the repository's (Artifactory, Nexus)", async () => {
    await using test = await guardedRig();
    test.rig.registry.on(/./, test.tokens.guard(), 99);
    await test.rig.pull();
    expect(test.tokens.received.map(({ query }) => query.get("scope"))).toEqual([
      "repository:app:pull",
    ]);
  });

  it.each([400, 403, 404])(
    "that answers %i, without a challenge, until a token comes is asked for its challenge (Artifactory)",
    async (code) => {
      await using test = await guardedRig();
      const { registry, lading, reference } = test.rig;
      registry.on(/./, hiding(test.tokens, code), 99);
      await test.rig.pull();
      await lading.fetchManifest(reference);
      expect(registry.asked.filter((line) => line === "GET /v2/")).toHaveLength(1);
      expect(test.tokens.received).toHaveLength(1);
      expect(test.tokens.received[0]?.query.get("scope")).toBe("repository:app:pull");
    },
  );

  it("that hides its challenge is asked for it once by two pulls at one time", async () => {
    await using test = await guardedRig();
    const { registry, lading, reference, image } = test.rig;
    registry.content.tag("base:1", image.descriptor);
    registry.on(/./, hiding(test.tokens, 400), 99);
    await Promise.all([
      lading.fetchManifest(reference),
      lading.fetchManifest(`${registry.address}/base:1`),
    ]);
    expect(registry.asked.filter((line) => line === "GET /v2/")).toHaveLength(1);
  });

  it.each([503, 429])(
    "that answers %i when it is asked for the challenge that it hides is asked again",
    async (code) => {
      await using test = await guardedRig();
      const { registry, slept } = test.rig;
      registry.on(/^GET \/v2\/$/, status(code, { "retry-after": "7" }));
      registry.on(/./, hiding(test.tokens, 404), 99);
      await test.rig.pull();
      expect(slept).toContain(7000);
      expect(registry.asked.filter((line) => line === "GET /v2/")).toHaveLength(2);
    },
  );

  it("that can't be asked for the challenge that it hides for now has trouble, and is no anonymous one", async () => {
    await using tokens = await TokenServer.start({ users: { [ME.username]: ME.password } });
    await using rig = await faultRig({ credentials: { get: async () => ME }, retry: noRetry });
    rig.registry.on(/^GET \/v2\/$/, status(503)).on(/^GET \/v2\/$/, reset);
    rig.registry.on(/./, hiding(tokens, 404), 99);
    await expect(rig.lading.fetchManifest(rig.reference)).rejects.toMatchObject({
      code: "registry-unavailable",
    });
    await expect(rig.lading.fetchManifest(rig.reference)).rejects.toMatchObject({
      code: "network",
    });
    await rig.pull();
  });

  it("that hides its challenge is asked anew when the one who asked gives up", async () => {
    await using test = await guardedRig();
    const { registry, lading, reference, image } = test.rig;
    registry.content.tag("base:1", image.descriptor);
    const gaveUp = new AbortController();
    const other: Promise<unknown>[] = [];
    // Once a probe hangs, another pull comes to wait for it, and only then does the first give up.
    registry.on(/^GET \/v2\/$/, () => {
      other.push(lading.fetchManifest(`${registry.address}/base:1`));
    });
    registry.on(/^(GET|HEAD) \/v2\/base\/manifests\//, (exchange) => {
      status(404)(exchange);
      exchange.response.once("finish", () => setImmediate(() => gaveUp.abort()));
    });
    registry.on(/./, hiding(test.tokens, 404), 99);
    await expect(lading.fetchManifest(reference, { signal: gaveUp.signal })).rejects.toMatchObject({
      code: "aborted",
    });
    expect(other).toHaveLength(1);
    await Promise.all(other);
  });

  it("whose whole leads nowhere is asked for manifests all the same, though there are credentials", async () => {
    await using rig = await faultRig({ credentials: { get: async () => ME } });
    rig.registry.on("HEAD /v2/app/manifests/", status(404), 99);
    rig.registry.on(/^GET \/v2\/$/, status(302, { location: "ftp://x/" }), 99);
    expect((await rig.pull()).images).toHaveLength(1);
  });

  it("that refuses while a source of credentials fails is let go of", async () => {
    await using registry = await ScriptedRegistry.start();
    registry.on("GET /v2/app/blobs/", status(404, {}, "x".repeat(300_000)), 9);
    const watched = exchanges();
    const failing = { get: async () => Promise.reject(new Error("a helper of mine")) };
    await using client = clientFor({ observers: [watched.observer], credentials: failing });
    const repository = await client.repository(parseReference(`${registry.address}/app`));
    await expect(repository.open(describeText("x"), { offset: 0 }, {})).rejects.toThrow(
      "a helper of mine",
    );
    expect(watched.underWay).toBe(0);
  });

  it("that has no account of ours is not asked for a challenge that it may hide", async () => {
    await using rig = await faultRig({ credentials: { get: async () => undefined } });
    rig.registry.on(/./, status(404), 99);
    await expect(rig.pull()).rejects.toMatchObject({ code: "not-found" });
    expect(rig.registry.asked).not.toContain("GET /v2/");
  });

  it.each([401, 400])(
    "behind a path, which answers %i to nobody, is asked below it, for its challenge too (Nexus)",
    async (code) => {
      await using tokens = await TokenServer.start({ users: { [ME.username]: ME.password } });
      await using nexus = await ScriptedRegistry.start();
      const { descriptor } = randomImage(nexus.content, { seed: 1 });
      nexus.content.tag("app:1", descriptor);
      const below = "/repository/docker/v2/";
      nexus.prefix = "/repository/docker";
      nexus.on(/./, code === 401 ? tokens.guard() : hiding(tokens, code), 99);
      const root = await temporaryFolder();
      const config = join(root, "lading.toml");
      await writeFile(
        config,
        `[registry."nexus.example"]\nserver = "http://${nexus.address}${below}"\nhttp = true\n`,
      );
      const credentials = { get: async () => ME };
      await using lading = await open({ root: join(root, "store"), config, credentials });
      await lading.pull("nexus.example/app:1");
      expect(nexus.asked.every((line) => line.split(" ")[1]?.startsWith(below))).toBe(true);
      expect(tokens.received.map(({ query }) => query.get("scope"))).toEqual([
        "repository:app:pull",
      ]);
    },
  );

  it("that sends a manifest without a length is read to the end (Artifactory)", async () => {
    await using rig = await faultRig();
    rig.registry.on(/manifests/, withHeaders({ "content-length": undefined }), 9);
    await rig.pull();
    expect(await rig.whole()).toBe(true);
  });

  it.each([
    ["more than", 10],
    ["less than", -10],
  ])(
    "whose manifest's length says %s there is, is an error, not another image (GAR)",
    async (_, by) => {
      await using rig = await faultRig();
      const lie: Answer = ({ response, reply }) => {
        const { status: code, headers, body } = reply();
        // Past Node's own checks, as a proxy that changed the body would.
        const length = `content-length: ${body.length + by}`;
        const kind = `content-type: ${headers["content-type"]}`;
        response.socket?.end(
          `HTTP/1.1 ${code} OK\r\n${kind}\r\n${length}\r\n\r\n${Buffer.from(body)}`,
        );
      };
      rig.registry.on("HEAD /v2/app/manifests/", status(405), 9);
      rig.registry.on("GET /v2/app/manifests/", lie, 99);
      await expect(rig.pull()).rejects.toMatchObject({
        code: expect.stringMatching(/^(network|malformed|verification-failed)$/),
      });
      expect(rig.registry.asked.length).toBeLessThan(20);
    },
  );

  it("that limits GETs of manifests, and not HEAD, is waited for (Docker Hub's 429)", async () => {
    await using rig = await faultRig();
    rig.registry.on("GET /v2/app/manifests/", status(429, { "retry-after": "7" }), 2);
    await rig.pull();
    expect(rig.slept.slice(0, 2)).toEqual([7000, 7000]);
    expect(await rig.whole()).toBe(true);
  });

  it("whose HEAD promises what its GET does not have is not-found, not a loop (pull-through caches)", async () => {
    await using rig = await faultRig();
    rig.registry.on("GET /v2/app/manifests/", status(404), 99);
    await expect(rig.pull()).rejects.toMatchObject({ code: "not-found" });
    expect(rig.registry.asked.length).toBeLessThanOrEqual(4);
  });

  it("that asks for Basic and Bearer is given a token, which shows less (Harbor)", async () => {
    await using test = await guardedRig();
    const both = `Basic realm="harbor", ${test.tokens.challenge("repository:app:pull")}`;
    test.rig.registry.on(
      /./,
      ({ request, response, reply }) => {
        const sent = request.headers.authorization ?? "";
        if (!test.tokens.valid.has(sent) && sent !== BASIC) {
          response.writeHead(401, { "www-authenticate": both }).end();
          return;
        }
        const { status: code, headers, body } = reply();
        response.writeHead(code, headers).end(request.method === "HEAD" ? undefined : body);
      },
      99,
    );
    await test.rig.pull();
    expect(test.tokens.received).toHaveLength(1);
    const sent = test.rig.registry.received.map(({ headers }) => String(headers.authorization));
    expect(sent.some((authorization) => authorization.startsWith("Basic"))).toBe(false);
  });

  it("that serves manifests as text/plain is read by what the manifest says of itself (Red Hat)", async () => {
    await using rig = await faultRig();
    rig.registry.on(/manifests/, withHeaders({ "content-type": "text/plain; charset=utf-8" }), 99);
    const { digest, mediaType } = await rig.pull();
    expect({ digest, mediaType }).toEqual({
      digest: rig.image.descriptor.digest,
      mediaType: rig.image.descriptor.mediaType,
    });
    expect(await rig.whole()).toBe(true);
  });
});

interface Guarded extends AsyncDisposable {
  readonly rig: Rig;
  readonly tokens: TokenServer;
}

/** Counts what was begun and has not ended. */
function exchanges() {
  const counted = {
    underWay: 0,
    observer() {
      counted.underWay += 1;
      return () => {
        counted.underWay -= 1;
      };
    },
  };
  return counted;
}

/** An account, and the token server that knows it. */
async function guardedRig(credential: Credential = ME): Promise<Guarded> {
  const tokens = await TokenServer.start({ users: { [ME.username]: ME.password } });
  const rig = await faultRig({ credentials: { get: async () => credential } });
  return {
    rig,
    tokens,
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    },
  };
}

/** Blobs are elsewhere, for those who may have them. */
function guardedBlobs(tokens: TokenServer, storage: string): Answer {
  return (exchange) => {
    const { request, path } = exchange;
    const digest = /\/blobs\/(sha256:[0-9a-f]+)$/.exec(path)?.[1];
    const known = tokens.valid.has(request.headers.authorization ?? "");
    if (digest === undefined || !known) return tokens.guard()(exchange);
    return redirectTo(`http://${storage}/${digest}`)(exchange);
  };
}

/** Says what it wants only where the registry as a whole is asked. */
function hiding(tokens: TokenServer, code: number): Answer {
  return (exchange) => {
    const { request, path } = exchange;
    const known = tokens.valid.has(request.headers.authorization ?? "");
    if (known || /^(\/repository\/docker)?\/v2\/$/.test(path))
      return tokens.guard("registry:catalog:*")(exchange);
    return status(code)(exchange);
  };
}
