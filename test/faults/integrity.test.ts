import { describe, expect, it } from "vitest";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { makeIndex, randomImage } from "../../src/testkit/index.ts";
import { status, substitute, withHeaders } from "../registry/scripted-registry.ts";
import { faultRig, layerOf, type Rig } from "./rig.ts";

const MANIFEST = "GET /v2/app/manifests/";

/** Bytes of some other, valid image. */
function otherManifest(rig: Rig): { bytes: Uint8Array; digest: string } {
  const { descriptor } = randomImage(rig.registry.content, { seed: 99 });
  return { bytes: bytesOf(rig, descriptor), digest: descriptor.digest };
}

function bytesOf(rig: Rig, { digest }: Descriptor): Uint8Array {
  return rig.registry.content.blobs.get(digest) ?? new Uint8Array();
}

async function nothingIsVisible(rig: Rig): Promise<void> {
  expect(await rig.lading.images()).toEqual([]);
  const known = [rig.image.descriptor, rig.image.config, ...rig.image.layers];
  const allowed = new Set(known.map(({ digest }) => digest.slice("sha256:".length)));
  for (const blob of await rig.blobs()) expect(allowed.has(blob)).toBe(true);
}

describe("a manifest that a digest names", () => {
  it("is hashed, whatever the headers say (CVE-2026-85747)", async () => {
    await using rig = await faultRig();
    const other = otherManifest(rig);
    rig.registry.on(`${MANIFEST}${rig.image.descriptor.digest}`, substitute(other.bytes), 9);
    const pinned = `${rig.registry.address}/app@${rig.image.descriptor.digest}`;
    await expect(rig.lading.pull(pinned)).rejects.toMatchObject({ code: "verification-failed" });
    await expect(rig.lading.fetchManifest(pinned)).rejects.toMatchObject({
      code: "verification-failed",
    });
    await nothingIsVisible(rig);
  });

  it("is not the one that Docker-Content-Digest names for other bytes", async () => {
    await using rig = await faultRig();
    const { bytes } = otherManifest(rig);
    rig.registry.on("HEAD", status(405), 9).on(`${MANIFEST}1`, substitute(bytes), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code: "verification-failed" });
    await nothingIsVisible(rig);
  });

  it("inside an index is hashed too", async () => {
    await using rig = await faultRig();
    const { content } = rig.registry;
    const platform = { os: "linux", architecture: "amd64" };
    content.tag("multi:1", makeIndex(content, [{ descriptor: rig.image.descriptor, platform }]));
    const other = otherManifest(rig);
    rig.registry.on(
      `GET /v2/multi/manifests/${rig.image.descriptor.digest}`,
      substitute(other.bytes),
      9,
    );
    const pulling = rig.lading.pull(`${rig.registry.address}/multi:1`, { platform: "linux/amd64" });
    await expect(pulling).rejects.toMatchObject({ code: "verification-failed" });
    await nothingIsVisible(rig);
  });
});

describe("a tag that moves between requests", () => {
  it("is resolved once: one image, whole, never a mixture (CVE-2026-111361, CVE-2023-33959)", async () => {
    await using rig = await faultRig();
    const { content } = rig.registry;
    const moved = randomImage(content, { seed: 7 });
    rig.registry.on(/^GET \/v2\/app\/manifests\//, async ({ request, response, reply }) => {
      content.tag("app:1", moved.descriptor);
      const { status, headers, body } = reply();
      response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : body);
    });
    expect((await rig.pull()).digest).toBe(rig.image.descriptor.digest);
    expect(await rig.whole()).toBe(true);
    expect((await rig.pull()).digest).toBe(moved.descriptor.digest);
  });

  it("while HEAD does not work is what GET gave, in one request", async () => {
    await using rig = await faultRig();
    rig.registry.on("HEAD", status(404), 9);
    expect((await rig.pull()).digest).toBe(rig.image.descriptor.digest);
    expect(rig.registry.asked.filter((line) => line.startsWith(MANIFEST))).toHaveLength(1);
  });
});

describe("an answer that is no manifest", () => {
  it.each([
    [
      "a web page with status 200",
      "text/html",
      "<!doctype html><title>Sign in</title>",
      "malformed",
    ],
    ["schema 1", mediaTypes.dockerSchema1Signed, '{"schemaVersion":1}', "unsupported"],
    [
      "schema 1 under another name",
      mediaTypes.dockerManifest,
      '{"schemaVersion":1,"fsLayers":[]}',
      "unsupported",
    ],
    ["an empty body", "application/json", "", "malformed"],
    [
      "an index that came as a manifest (CVE-2021-41190)",
      mediaTypes.ociManifest,
      '{"schemaVersion":2,"manifests":[]}',
      "malformed",
    ],
    [
      "a manifest with manifests (CVE-2021-41190)",
      mediaTypes.ociManifest,
      '{"schemaVersion":2,"manifests":[],"layers":[]}',
      "malformed",
    ],
  ])("is refused with a clear error: %s", async (_what, contentType, body, code) => {
    await using rig = await faultRig();
    rig.registry
      .on("HEAD", status(405), 9)
      .on(`${MANIFEST}1`, status(200, { "content-type": contentType }, body), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code, hint: expect.any(String) });
    await nothingIsVisible(rig);
  });

  it("is not asked of a HEAD that answers with a page: GET decides", async () => {
    await using rig = await faultRig();
    rig.registry.on(
      "HEAD",
      withHeaders({ "content-type": "text/html", "docker-content-digest": undefined }),
      9,
    );
    expect((await rig.pull()).digest).toBe(rig.image.descriptor.digest);
  });
});

describe("a blob", () => {
  it("that is wrong once is fetched again, and right", async () => {
    await using rig = await faultRig();
    const size = rig.image.layers[0]?.size ?? 0;
    rig.registry.on(layerOf(rig), substitute(Buffer.alloc(size, 1)));
    await rig.pull();
    expect(await rig.whole()).toBe(true);
    expect(rig.registry.asked.filter((line) => line === layerOf(rig))).toHaveLength(2);
  });

  it("that stays wrong is an error, is not there, and leaves no part (origin 4.2, fault 16)", async () => {
    await using rig = await faultRig();
    const size = rig.image.layers[0]?.size ?? 0;
    rig.registry.on(layerOf(rig), substitute(Buffer.alloc(size, 1)), 9);
    await expect(rig.pull()).rejects.toMatchObject({
      code: "verification-failed",
      context: { digest: rig.image.layers[0]?.digest },
    });
    await nothingIsVisible(rig);
    expect(rig.registry.asked.filter((line) => line === layerOf(rig))).toHaveLength(2);
    // The next pull does not take what is left for the blob.
    await expect(rig.pull()).rejects.toMatchObject({ code: "verification-failed" });
  });

  it("that is a config is verified before it is believed", async () => {
    await using rig = await faultRig();
    const forged = Buffer.alloc(rig.image.config.size, " ");
    rig.registry.on(`GET /v2/app/blobs/${rig.image.config.digest}`, substitute(forged), 9);
    await expect(rig.pull()).rejects.toMatchObject({ code: "verification-failed" });
    expect(rig.registry.asked.some((line) => line === layerOf(rig))).toBe(false);
  });
});

describe("an image whose parts do not fit", () => {
  it.each([0, 2])(
    "is refused before a layer moves: one layer, %i diff IDs (ggcr #2303, fault 5)",
    async (count) => {
      await using rig = await faultRig();
      const { content } = rig.registry;
      const rootfs = { type: "layers", diff_ids: Array(count).fill(rig.image.diffIds[0]) };
      const config = content.add(mediaTypes.ociConfig, Buffer.from(JSON.stringify({ rootfs })));
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config,
        layers: rig.image.layers,
      };
      content.tag("app:1", content.addManifest(mediaTypes.ociManifest, manifest));
      await expect(rig.pull()).rejects.toMatchObject({ code: "malformed" });
      expect(rig.registry.asked.some((line) => line === layerOf(rig))).toBe(false);
    },
  );

  it.each(["sha256:../../../etc/passwd", `sha256:${"A".repeat(64)}`, "sha512:abc"])(
    "never makes a request or a path of the digest %s (CVE-2024-3727)",
    async (digest) => {
      await using rig = await faultRig();
      const { content } = rig.registry;
      const layers = [{ ...rig.image.layers[0], digest }];
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: rig.image.config,
        layers,
      };
      content.tag("app:1", content.addManifest(mediaTypes.ociManifest, manifest));
      await expect(rig.pull()).rejects.toMatchObject({ code: "malformed" });
      expect(rig.registry.asked.some((line) => line.includes("/blobs/"))).toBe(false);
    },
  );
});
