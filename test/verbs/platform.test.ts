import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mediaTypes } from "../../src/oci/media-types.ts";
import {
  createRegistry,
  type MadeImage,
  makeIndex,
  randomImage,
  type TestRegistry,
} from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import { temporaryFolder } from "../temporary.ts";

const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };

let registry: TestRegistry;
let lading: Lading;
let amd64: MadeImage;
let arm64: MadeImage;
beforeEach(async () => {
  registry = await createRegistry();
  const { content } = registry;
  amd64 = randomImage(content, { seed: 1, platform: AMD64 });
  arm64 = randomImage(content, { seed: 2, platform: ARM64 });
  content.tag("single:1", amd64.descriptor);
  content.tag("bare:1", makeIndex(content, [{ descriptor: amd64.descriptor }]));
  const inner = [amd64, arm64].map(({ descriptor }, index) => ({
    descriptor: makeIndex(content, [{ descriptor, platform: index === 0 ? AMD64 : ARM64 }]),
  }));
  content.tag("nested:1", makeIndex(content, inner));
  content.tag("nested:2", makeIndex(content, [...inner].reverse()));
  const unnamed = [arm64, amd64].map(({ descriptor }) => ({
    descriptor: makeIndex(content, [{ descriptor }]),
  }));
  content.tag("unnamed:1", makeIndex(content, unnamed));
  lading = await open({ root: await temporaryFolder() });
});
afterEach(async () => {
  await lading.close();
  await registry.close();
});

const at = (name: string): string => `${registry.address}/${name}`;
const refusal = (hint: string) => ({
  code: "platform-not-found",
  hint: expect.stringContaining(hint),
});

describe("a platform that is asked for by name", () => {
  it.each(["single:1", "bare:1"])(
    "is not that of an image which is in the store for another: %s",
    async (name) => {
      await lading.pull(at(name));
      const platform = "linux/arm64";
      const wrong = { code: "platform-not-found" };
      await expect(lading.pull(at(name), { platform })).rejects.toMatchObject(wrong);
      for (const policy of ["missing", "never"] as const) {
        await expect(lading.pull(at(name), { platform, policy })).rejects.toMatchObject(wrong);
        await expect(lading.inspect(at(name), { platform, policy })).rejects.toMatchObject(wrong);
      }
      expect(await lading.pull(at(name), { platform: "linux/amd64" })).toMatchObject({
        upToDate: true,
        requests: 1,
      });
    },
  );

  it.each(["single:1", "bare:1"])("is not what a registry has in its place: %s", async (name) => {
    const platform = "linux/s390x";
    const error = refusal("available: linux/amd64;");
    await expect(lading.pull(at(name), { platform })).rejects.toMatchObject(error);
    await expect(lading.inspect(at(name), { platform })).rejects.toMatchObject(error);
    await expect(lading.fetchManifest(at(name), { platform })).rejects.toMatchObject(error);
    const config = lading.fetchManifestAndConfig(at(name), { platform });
    await expect(config).rejects.toMatchObject(error);
    await expect(lading.resolvePlatform(at(name), platform)).rejects.toMatchObject(error);
    expect(await lading.images()).toEqual([]);
    const right = await lading.fetchManifestAndConfig(at(name), { platform: "linux/amd64" });
    expect(right.config.platform.architecture).toBe("amd64");
  });

  it("is found in nested indexes whose siblings have others, in whatever order", async () => {
    for (const name of ["nested:1", "nested:2", "unnamed:1"]) {
      for (const made of [amd64, arm64]) {
        const platform = made === amd64 ? "linux/amd64" : "linux/arm64";
        const { digest } = made.descriptor;
        expect((await lading.resolvePlatform(at(name), platform)).digest).toBe(digest);
        const first = await lading.pull(at(name), { platform });
        expect(first.images.map(({ manifest }) => manifest.digest)).toEqual([digest]);
        expect(await lading.pull(at(name), { platform, policy: "never" })).toMatchObject({
          upToDate: true,
          images: [{ manifest: { digest } }],
        });
      }
    }
  });

  it("is not there: the error lists all that the nested indexes have, each once", async () => {
    const error = refusal("available: linux/amd64, linux/arm64;");
    for (const name of ["nested:1", "nested:2"]) {
      const pulled = lading.pull(at(name), { platform: "linux/s390x" });
      await expect(pulled).rejects.toMatchObject({ code: error.code });
      const hint = await pulled.catch(({ hint }) => hint);
      expect(hint.match(/linux\/[a-z0-9]+/g).sort()).toEqual(["linux/amd64", "linux/arm64"]);
    }
    const unnamed = lading.pull(at("unnamed:1"), { platform: "linux/s390x" });
    await expect(unnamed).rejects.toMatchObject({ code: error.code });
    const resolved = lading.resolvePlatform(at("nested:1"), "linux/s390x");
    await expect(resolved).rejects.toMatchObject(error);
    expect(await lading.images()).toEqual([]);
  });
});

describe("the host's own platform, which nobody asked for", () => {
  it("does not keep an image back that stands alone", async () => {
    const { content } = registry;
    const platform = { os: "linux", architecture: "s390x" };
    const far = randomImage(content, { seed: 3, platform });
    content.tag("far:1", far.descriptor);
    const pulled = await lading.pull(at("far:1"));
    expect(pulled.images.map(({ manifest }) => manifest.digest)).toEqual([far.descriptor.digest]);
    expect(await lading.pull(at("far:1"), { policy: "never" })).toMatchObject({ upToDate: true });
    expect(await lading.inspect(at("far:1"))).toMatchObject({ from: "store", platform });
    expect((await lading.fetchManifestAndConfig(at("far:1"))).config.platform).toEqual(platform);
  });
});

describe("an artifact", () => {
  beforeEach(() => {
    const { content } = registry;
    const config = content.add("application/vnd.cncf.helm.config.v1+json", Buffer.from("{}"));
    const chart = content.add(
      "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
      Buffer.from("a chart"),
    );
    const mediaType = mediaTypes.ociManifest;
    const helm = { schemaVersion: 2, mediaType, config, layers: [chart] };
    content.tag("chart:1", content.addManifest(mediaType, helm));
    const old = { mediaType: mediaTypes.ociArtifact, blobs: [chart] };
    content.tag("chart:2", content.addManifest(mediaTypes.ociArtifact, old));
  });

  it.each(["chart:1", "chart:2"])("is complete once it is pulled: %s", async (name) => {
    expect(await lading.pull(at(name))).toMatchObject({ upToDate: false, images: [] });
    const before = registry.requests.length;
    for (const options of [
      { policy: "missing" },
      { policy: "never", allPlatforms: true },
    ] as const) {
      expect(await lading.pull(at(name), options)).toMatchObject({
        upToDate: true,
        requests: 0,
        mediaType: name === "chart:1" ? mediaTypes.ociManifest : mediaTypes.ociArtifact,
      });
    }
    expect(registry.requests.length).toBe(before);
    expect(await lading.pull(at(name))).toMatchObject({ upToDate: true, requests: 1 });
    expect((await lading.images()).map(({ reference }) => reference)).toEqual([at(name)]);
  });

  it.each(["chart:1", "chart:2"])("has no config to look at, and says so: %s", async (name) => {
    const error = { code: "not-found", hint: expect.stringContaining("lading manifest") };
    await expect(lading.inspect(at(name))).rejects.toMatchObject(error);
    await expect(lading.fetchManifestAndConfig(at(name))).rejects.toMatchObject(error);
    await lading.pull(at(name));
    await expect(lading.inspect(at(name))).rejects.toMatchObject(error);
    await expect(lading.inspect(at(name), { policy: "never" })).rejects.toMatchObject(error);
  });
});

describe("layers that may not be distributed", () => {
  it("are missing still when they are asked for after a pull that left them out", async () => {
    const { content } = registry;
    const [layer = amd64.config, ...others] = amd64.layers;
    const foreign = { ...layer, mediaType: mediaTypes.ociForeignLayerGzip };
    const mediaType = mediaTypes.ociManifest;
    const layers = [foreign, ...others];
    const manifest = { schemaVersion: 2, mediaType, config: amd64.config, layers };
    content.tag("foreign:1", content.addManifest(mediaType, manifest));
    const outcomes = async (options: { foreignLayers?: boolean }) => {
      const { images, upToDate } = await lading.pull(at("foreign:1"), options);
      return [upToDate, ...(images[0]?.layers.map(({ outcome }) => outcome) ?? [])];
    };
    expect(await outcomes({})).toEqual([false, "skipped", "copied"]);
    expect(await outcomes({})).toEqual([true, "skipped", "existed"]);
    expect(await outcomes({ foreignLayers: true })).toEqual([false, "copied", "existed"]);
    expect(await outcomes({ foreignLayers: true })).toEqual([true, "existed", "existed"]);
    expect(await outcomes({})).toEqual([true, "existed", "existed"]);
  });
});
