import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MadeImage, makeIndex, randomImage } from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import { reset, ScriptedRegistry, stall, status, truncate } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";

let registry: ScriptedRegistry;
let lading: Lading;
let amd64: MadeImage;
let reference: string;
const quick = { retries: 3, baseMs: 1, capMs: 1, random: () => 0 };

beforeEach(async () => {
  registry = await ScriptedRegistry.start();
  const { content } = registry;
  amd64 = randomImage(content, { seed: 1, fileSize: 50_000 });
  const arm64 = randomImage(content, { seed: 2, platform: { os: "linux", architecture: "arm64" } });
  const members = [
    { descriptor: amd64.descriptor, platform: { os: "linux", architecture: "amd64" } },
    { descriptor: arm64.descriptor, platform: { os: "linux", architecture: "arm64" } },
  ];
  content.tag("app:1", makeIndex(content, members, { attestations: true }));
  content.tag("app:single", amd64.descriptor);
  lading = await open({ root: await temporaryFolder(), retry: quick });
  reference = `${registry.address}/app:1`;
});
afterEach(async () => {
  await lading.close();
  await registry[Symbol.asyncDispose]();
});

async function read(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("manifests, from the registry", () => {
  it("are fetched as they are: the index, the image for a platform, with its config", async () => {
    const index = await lading.fetchIndex(reference);
    expect(index.manifest.manifests).toHaveLength(4);
    expect(`sha256:${createHash("sha256").update(index.bytes).digest("hex")}`).toBe(
      index.descriptor.digest,
    );
    expect((await lading.fetchManifest(reference)).manifest.kind).toBe("index");
    const one = await lading.fetchManifest(reference, { platform: "linux/amd64" });
    expect(one.descriptor.digest).toBe(amd64.descriptor.digest);
    const whole = await lading.fetchManifestAndConfig(reference, { platform: "amd64" });
    expect(whole.config.platform.architecture).toBe("amd64");
    expect(whole.layers.map(({ diffId }) => diffId)).toEqual(amd64.diffIds);
    expect((await lading.resolvePlatform(reference, "arm64")).platform?.architecture).toBe("arm64");
  });

  it("that are not what was asked for are an error that says what there is", async () => {
    await expect(lading.fetchIndex(`${registry.address}/app:single`)).rejects.toMatchObject({
      code: "not-found",
    });
    await expect(lading.fetchManifest(reference, { platform: "s390x" })).rejects.toMatchObject({
      code: "platform-not-found",
      hint: expect.stringContaining("linux/arm64"),
    });
    await expect(lading.fetchManifest(`${registry.address}/app:none`)).rejects.toMatchObject({
      code: "not-found",
    });
  });
});

describe("a blob, from the registry", () => {
  const layer = () => amd64.layers[0] ?? amd64.config;
  const content = () => Buffer.from(registry.content.blobs.get(layer().digest) ?? []);

  it.each([
    [undefined, undefined],
    [0, 10],
    [100, 1000],
    [5, undefined],
    [0, 0],
    [0, 1e9],
  ])("gives any part: offset %s, length %s", async (offset, length) => {
    const stream = await lading.fetchBlob(reference, layer().digest, { offset, length });
    const start = offset ?? 0;
    const end = length === undefined ? undefined : start + length;
    expect(await read(stream)).toEqual(content().subarray(start, end));
  });

  it("gives an empty part at its end, and refuses what lies outside", async () => {
    const { digest, size } = layer();
    expect(await read(await lading.fetchBlob(reference, digest, { offset: size }))).toHaveLength(0);
    for (const options of [{ offset: size + 1 }, { offset: -1 }, { length: -1 }, { offset: 0.5 }]) {
      await expect(lading.fetchBlob(reference, digest, options)).rejects.toMatchObject({
        code: "usage",
      });
    }
  });

  it("goes on where the connection broke", async () => {
    registry
      .on(`GET /v2/app/blobs/${layer().digest}`, truncate(1000))
      .on(`GET /v2/app/blobs/${layer().digest}`, reset);
    const stream = await lading.fetchBlob(reference, layer().digest, { offset: 10 });
    expect(await read(stream)).toEqual(content().subarray(10));
    const ranges = registry.received.flatMap(({ method, headers }) =>
      method === "GET" ? [headers.range] : [],
    );
    expect(ranges).toEqual(
      ["bytes=10-", "bytes=1010-", "bytes=1010-"].map((range) => expect.stringContaining(range)),
    );
  });

  it("reads past what it was not asked for when the server can't seek", async () => {
    registry.on(
      `GET /v2/app/blobs/${layer().digest}`,
      ({ response }) => void response.end(content()),
      9,
    );
    const stream = await lading.fetchBlob(reference, layer().digest, { offset: 100, length: 50 });
    expect(await read(stream)).toEqual(content().subarray(100, 150));
  });

  it("hangs up when its reader stops, and when it is aborted", async () => {
    const path = `GET /v2/app/blobs/${layer().digest}`;
    for (const stop of ["cancel", "abort"] as const) {
      let hungUp: Promise<unknown> | undefined;
      registry.on(path, (exchange) => {
        hungUp = new Promise((resolve) => exchange.response.once("close", resolve));
        return stall(1000)(exchange);
      });
      const aborting = new AbortController();
      const stream = await lading.fetchBlob(reference, layer().digest, { signal: aborting.signal });
      const reader = stream.getReader();
      await reader.read();
      if (stop === "cancel") await reader.cancel();
      else {
        aborting.abort();
        await expect(reader.read()).rejects.toMatchObject({ code: "aborted" });
      }
      await hungUp;
    }
  });

  it("that is not there is an error with the digest", async () => {
    const digest = `sha256:${"0".repeat(64)}`;
    await expect(lading.fetchBlob(reference, digest)).rejects.toMatchObject({ code: "not-found" });
    await expect(lading.fetchBlob(reference, "sha256:../x")).rejects.toMatchObject({
      code: "malformed",
    });
  });

  it("is found by GET where HEAD does not work", async () => {
    registry.on("HEAD", status(405), 9);
    const stream = await lading.fetchBlob(reference, layer().digest, { length: 3 });
    expect(await read(stream)).toEqual(content().subarray(0, 3));
  });
});
