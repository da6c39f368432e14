import { describe, expect, it, onTestFinished } from "vitest";
import { copy } from "../../src/content/copy.ts";
import { MemoryStore } from "../../src/content/memory.ts";
import type { ContentSource, ContentStore } from "../../src/content/port.ts";
import { serve } from "../../src/server/index.ts";
import { servedSource } from "../../src/server/served-source.ts";
import { openStore } from "../../src/store/local-store.ts";
import { MadeContent, type MadeImage, makeIndex, randomImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { asSource } from "../store/made-source.ts";
import { temporaryFolder } from "../temporary.ts";
import { ask } from "./ask.ts";

const NAME = "team/app:1";

async function filled(store: ContentStore): Promise<{ image: MadeImage; index: string }> {
  const content = new MadeContent();
  const image = randomImage(content, { seed: 1, layers: 3 });
  const platform = { os: "linux", architecture: "amd64" };
  const index = makeIndex(content, [{ descriptor: image.descriptor, platform }]);
  await copy(asSource(content), store, index);
  await store.tag(NAME, index);
  return { image, index: index.digest };
}

async function served(source: ContentSource) {
  const server = await serve(servedSource(source));
  onTestFinished(() => server.close());
  return server;
}

describe.each(["memory", "the local store"])("a registry over %s", (kind) => {
  async function store(): Promise<ContentStore> {
    if (kind === "memory") return new MemoryStore();
    const local = await openStore({ root: await temporaryFolder() });
    onTestFinished(() => local[Symbol.asyncDispose]());
    return local;
  }

  it("is pulled from, by tag and by digest", async () => {
    const source = await store();
    const { image, index } = await filled(source);
    const { address } = await served(source);
    const lading = await open({ root: await temporaryFolder() });
    onTestFinished(() => lading.close());
    const platform = "linux/amd64";
    expect((await lading.pull(`${address}/${NAME}`, { platform })).digest).toBe(index);
    const pinned = `${address}/team/app@${image.descriptor.digest}`;
    expect((await lading.pull(pinned)).images[0]?.layers).toHaveLength(3);
  });

  it("says what it does not have", async () => {
    const source = await store();
    const { image } = await filled(source);
    const server = await served(source);
    const status = async (path: string) => (await ask(server, `GET /v2/team/app/${path}`)).status;
    expect(await status("manifests/2")).toBe(404);
    expect(await status(`manifests/sha256:${"0".repeat(64)}`)).toBe(404);
    // A layer is no manifest, whatever it is asked for as.
    expect(await status(`manifests/${image.layers[0]?.digest}`)).toBe(404);
    expect(await status(`blobs/sha256:${"0".repeat(64)}`)).toBe(404);
    expect(await status("tags/list")).toBe(404);
  });
});

it("a source that can't seek is served in ranges all the same", async () => {
  const source = new MemoryStore();
  const { image } = await filled(source);
  const whole: ContentSource = {
    name: "one that can't seek",
    resolve: (name) => source.resolve(name),
    has: (descriptor) => source.has(descriptor),
    open: async (descriptor) => ({
      ...(await source.open(descriptor, { offset: 0 })),
      ranged: false,
    }),
  };
  const server = await served(whole);
  const [layer = image.config] = image.layers;
  const path = `/v2/team/app/blobs/${layer.digest}`;
  const all = await ask(server, `GET ${path}`);
  const part = await ask(server, `GET ${path}`, { range: "bytes=10-19" });
  expect(part).toMatchObject({ status: 206, headers: { "content-length": "10" } });
  expect(part.bytes).toEqual(all.bytes.subarray(10, 20));
});
