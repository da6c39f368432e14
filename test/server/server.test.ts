import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, serve } from "../../src/server/index.ts";
import { MadeContent, makeIndex, randomImage } from "../../src/testkit/index.ts";
import { ManualClock } from "../manual-clock.ts";
import { ask, basic } from "./ask.ts";

const content = new MadeContent();
const image = randomImage(content, { seed: 1 });
const nested = makeIndex(content, [{ descriptor: image.descriptor }]);
content.tag("library/app:1", image.descriptor);
content.tag("library/app:index", nested);
for (let number = 10; number < 35; number += 1) content.tag(`many:v${number}`, image.descriptor);
const blob = content.add("application/octet-stream", Buffer.from("0123456789"));
const none = content.add("application/octet-stream", Buffer.from(""));

let server: RunningServer;
beforeAll(async () => {
  server = await serve(content);
});
afterAll(() => server.close());

describe("the embedded registry", () => {
  it("answers the ping", async () => {
    const { status, headers } = await ask(server, "GET /v2/");
    expect(status).toBe(200);
    expect(headers["docker-distribution-api-version"]).toBe("registry/2.0");
  });

  it.each(["1", image.descriptor.digest])("gives the manifest %s by GET and HEAD", async (name) => {
    const got = await ask(server, `GET /v2/library/app/manifests/${name}`);
    expect(got.status).toBe(200);
    expect(got.headers).toMatchObject({
      "content-type": image.descriptor.mediaType,
      "content-length": String(image.descriptor.size),
      "docker-content-digest": image.descriptor.digest,
    });
    expect(Buffer.from(got.body)).toEqual(
      Buffer.from(content.blobs.get(image.descriptor.digest) ?? []),
    );
    const head = await ask(server, `HEAD /v2/library/app/manifests/${name}`);
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers["content-length"]).toBe(String(image.descriptor.size));
  });

  it("gives a blob by GET and HEAD, one of no bytes too", async () => {
    expect(await ask(server, `GET /v2/library/app/blobs/${blob.digest}`)).toMatchObject({
      status: 200,
      body: "0123456789",
    });
    const head = await ask(server, `HEAD /v2/library/app/blobs/${blob.digest}`);
    expect(head).toMatchObject({ status: 200, body: "" });
    expect(head.headers).toMatchObject({ "content-length": "10", "accept-ranges": "bytes" });
    expect(await ask(server, `GET /v2/library/app/blobs/${none.digest}`)).toMatchObject({
      status: 200,
      body: "",
    });
  });

  it.each([
    ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=8-99", 206, "89", "bytes 8-9/10"],
    ["bytes=-99", 206, "0123456789", "bytes 0-9/10"],
    ["BYTES=1-1", 206, "1", "bytes 1-1/10"],
    ["bytes=10-", 416, undefined, "bytes */10"],
    ["bytes=-0", 416, undefined, "bytes */10"],
    ["bytes=3-1", 200, "0123456789", undefined],
    ["bytes=0-1,4-5", 200, "0123456789", undefined],
    ["bytes=a-b", 200, "0123456789", undefined],
    ["bytes=-", 200, "0123456789", undefined],
    ["items=0-1", 200, "0123456789", undefined],
  ])(
    "answers Range %s with %i (RFC 9110 section 14)",
    async (range, status, body, contentRange) => {
      const answered = await ask(server, `GET /v2/library/app/blobs/${blob.digest}`, { range });
      expect(answered.status).toBe(status);
      expect(answered.headers["content-range"]).toBe(contentRange);
      if (body !== undefined) expect(answered.body).toBe(body);
    },
  );

  it.each(["*", `"${blob.digest}"`, `W/"${blob.digest}"`, `"other", "${blob.digest}"`])(
    "answers If-None-Match %s with 304",
    async (etag) => {
      const path = `GET /v2/library/app/blobs/${blob.digest}`;
      expect(await ask(server, path, { "if-none-match": etag })).toMatchObject({
        status: 304,
        body: "",
      });
      expect((await ask(server, path, { "if-none-match": '"other"' })).status).toBe(200);
    },
  );

  it.each([
    ["GET /v2/library/app/manifests/none", 404, "MANIFEST_UNKNOWN"],
    ["GET /v2/nobody/manifests/1", 404, "MANIFEST_UNKNOWN"],
    [`GET /v2/library/app/blobs/sha256:${"0".repeat(64)}`, 404, "BLOB_UNKNOWN"],
    ["GET /v2/library/app/blobs/sha256:..%2f..%2fetc", 400, "DIGEST_INVALID"],
    ["GET /v2/nobody/tags/list", 404, "NAME_UNKNOWN"],
    ["GET /v2/../../etc/passwd", 404, "NAME_UNKNOWN"],
    ["GET /v2/library/../app/manifests/1", 404, "MANIFEST_UNKNOWN"],
    ["GET /v2/library%2fapp/manifests/1", 404, "NAME_UNKNOWN"],
    ["GET /v2/UPPER/manifests/1", 404, "NAME_UNKNOWN"],
    ["GET /v2/library/app/manifests/..", 404, "NAME_UNKNOWN"],
    ["GET /elsewhere", 404, "NAME_UNKNOWN"],
    [`GET /v2/${"a".repeat(5000)}/manifests/1`, 400, "UNSUPPORTED"],
    ["POST /v2/library/app/blobs/uploads/", 405, "UNSUPPORTED"],
    ["PUT /v2/library/app/manifests/1", 405, "UNSUPPORTED"],
    ["DELETE /v2/library/app/manifests/1", 405, "UNSUPPORTED"],
    ["GET http://elsewhere.example/v2/", 400, "UNSUPPORTED"],
  ])("refuses %s with %i %s", async (line, status, code) => {
    const answered = await ask(server, line);
    expect(answered.status).toBe(status);
    expect(JSON.parse(answered.body).errors[0].code).toBe(code);
  });

  it("lists tags in pages of the size that is asked for, up to its own", async () => {
    const seen: string[] = [];
    let path: string | undefined = "/v2/many/tags/list?n=10";
    while (path !== undefined) {
      const { body, headers } = await ask(server, `GET ${path}`);
      seen.push(...JSON.parse(body).tags);
      const [, next] = /^<([^>]+)>; rel="next"$/.exec(String(headers.link ?? "")) ?? [];
      path = next;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, at) => `v${at + 10}`));
  });

  it.each([
    ["n=0", []],
    ["n=-1", 25],
    ["n=1e9", 25],
    ["n=x", 25],
    ["last=v33", ["v34"]],
    ["last=zzz", []],
  ])(
    "lists tags for ?%s without doing what it is told blindly (CVE-2023-2253)",
    async (query, expected) => {
      const { tags } = JSON.parse((await ask(server, `GET /v2/many/tags/list?${query}`)).body);
      if (typeof expected === "number") expect(tags).toHaveLength(expected);
      else expect(tags).toEqual(expected);
    },
  );

  it("never runs ahead of a client that reads slowly, and stops when it hangs up", async () => {
    let sent = 0;
    let stopped = (): void => {};
    const hungUp = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    const endless = { ...blob, size: 2 ** 32 };
    await using slow = await serve({
      manifest: async () => undefined,
      tags: async () => undefined,
      blob: async () => endless,
      open: async () => ({
        offset: 0,
        ranged: true,
        async read(sink) {
          for (; sent < endless.size; sent += 65_536) await sink(Buffer.alloc(65_536));
        },
        cancel: stopped,
      }),
    });
    const socket = connect(slow.port, "127.0.0.1");
    socket.write(`GET /v2/a/blobs/${blob.digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    // The kernel takes some; then nothing more is read for a client that takes nothing.
    let before = -1;
    while (before !== sent) {
      before = sent;
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    }
    expect(sent).toBeLessThan(64 * 2 ** 20);
    socket.destroy();
    await hungUp;
  });

  it("leaves no file open after clients that hung up", async () => {
    const open = () => readdirSync("/proc/self/fd").length;
    await ask(server, "GET /v2/");
    const before = open();
    for (let round = 0; round < 20; round += 1) {
      const socket = connect(server.port, "127.0.0.1");
      socket.write(`GET /v2/a/blobs/${image.layers[0]?.digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await new Promise((resolve) => socket.once("data", resolve));
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.destroy();
      await closed;
    }
    await ask(server, "GET /v2/");
    expect(open()).toBeLessThanOrEqual(before + 2);
  });
});

describe("a registry with passwords", () => {
  const users = { me: "pass:word", __proto__x: "y" };

  it("lets in who knows one, by basic auth", async () => {
    await using server = await serve(content, { auth: { kind: "basic", users } });
    const refused = await ask(server, "GET /v2/");
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toBe('Basic realm="lading"');
    expect(
      (await ask(server, "GET /v2/", { authorization: basic("me", "pass:word") })).status,
    ).toBe(200);
    for (const wrong of [
      basic("me", "pass"),
      basic("you", "pass:word"),
      basic("constructor", ""),
      "Basic !!",
      "Bearer x",
    ]) {
      expect(
        (await ask(server, "GET /v2/library/app/manifests/1", { authorization: wrong })).status,
      ).toBe(401);
    }
  });

  it("gives tokens for the repositories that were asked for, and no others", async () => {
    const clock = new ManualClock();
    await using server = await serve(content, {
      auth: { kind: "bearer", users, seconds: 60 },
      clock,
    });
    const refused = await ask(server, "GET /v2/library/app/manifests/1");
    expect(refused.status).toBe(401);
    const challenge = String(refused.headers["www-authenticate"]);
    expect(challenge).toBe(
      `Bearer realm="${server.url}/token",service="lading",scope="repository:library/app:pull"`,
    );
    expect((await ask(server, "GET /token?scope=repository:library/app:pull")).status).toBe(401);
    const authorization = basic("me", "pass:word");
    const given = await ask(server, "GET /token?service=lading&scope=repository:library/app:pull", {
      authorization,
    });
    const { token, expires_in } = JSON.parse(given.body);
    expect(expires_in).toBe(60);
    const bearer = { authorization: `Bearer ${token}` };
    const ours = "GET /v2/library/app/manifests/1";
    expect((await ask(server, ours, bearer)).status).toBe(200);
    expect((await ask(server, "GET /v2/", bearer)).status).toBe(200);
    expect((await ask(server, "GET /v2/many/tags/list", bearer)).status).toBe(401);
    clock.advance(61_000);
    expect((await ask(server, ours, bearer)).status).toBe(401);
  });
});
