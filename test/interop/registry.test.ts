import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mediaTypes } from "../../src/oci/media-types.ts";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import { openStore } from "../../src/store/local-store.ts";
import { MadeContent, makeIndex, randomImage, validateImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { temporaryFolder } from "../temporary.ts";
import {
  type DebianRegistry,
  debianRegistry,
  installed,
  type Protection,
  USER,
} from "./debian-registry.ts";
import { writeLayout } from "./layout.ts";

const run = promisify(execFile);
const present = installed("docker-registry", "skopeo", "htpasswd", "openssl");

describe.runIf(present).each(["none", "htpasswd", "token"] satisfies Protection[])(
  "Debian's registry with %s to protect it",
  (protection) => {
    let folder: string;
    let registry: DebianRegistry;
    const content = new MadeContent();
    const images = imagesIn(content);
    const shape = { seed: 25, layers: 5, compression: ["none"] } as const;
    const uncompressed = randomImage(content, shape).descriptor;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "lading-interop-"));
      registry = await debianRegistry(folder, protection);
      writeLayout(join(folder, "layout"), content, { ...images, uncompressed });
      for (const name of Object.keys(images)) await push(name, []);
      await push("gzip", ["--format", "v2s2"], "docker");
      // Compressed by skopeo, since not every Node can.
      await push("uncompressed", ["--format", "oci", "--dest-compress-format", "zstd"], "zstd");
    }, 120_000);

    afterAll(async () => {
      await registry[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    async function push(name: string, options: readonly string[], as = name): Promise<void> {
      const credentials =
        protection === "none" ? [] : ["--dest-creds", `${USER.name}:${USER.password}`];
      const preserve = options.length === 0 ? ["--all", "--preserve-digests"] : options;
      const to = `docker://${registry.address}/test/${as}:latest`;
      const from = `oci:${join(folder, "layout")}:${name}`;
      const args = ["--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];
      await run("skopeo", [...args, ...credentials, ...preserve, from, to], { timeout: 60_000 });
    }

    it.each([...Object.keys(images), "docker", "zstd"])("gives %s, bit for bit", async (name) => {
      const root = await temporaryFolder();
      const credential = { kind: "basic", username: USER.name, password: USER.password } as const;
      const credentials = hostCredentials(
        protection === "none" ? {} : { [registry.address]: credential },
      );
      const lading = await open({ root, credentials });
      const reference = `${registry.address}/test/${name}`;
      const pulled = await lading.pull(reference, { allPlatforms: true });
      if (images[name] !== undefined) expect(pulled.digest).toBe(images[name].digest);
      if (name === "zstd") {
        const types = pulled.images[0]?.layers.map(({ descriptor }) => descriptor.mediaType);
        expect(types).toEqual(Array(5).fill(mediaTypes.ociLayerZstd));
      }
      await using store = await openStore({ root });
      const { descriptor } = (await store.find(pulled.reference)) ?? {};
      if (descriptor === undefined) throw new Error("the image is not in the store");
      expect((await validateImage(store, descriptor, { present: true })).images).toBeGreaterThan(0);
      expect(await lading.pull(reference, { allPlatforms: true })).toMatchObject({
        upToDate: true,
        transferred: 0,
      });
      await lading.close();
    });

    it("lists the tags", async () => {
      const credential = { kind: "basic", username: USER.name, password: USER.password } as const;
      const credentials = hostCredentials({ [registry.address]: credential });
      const lading = await open({ root: await temporaryFolder(), credentials });
      const tags: string[] = [];
      for await (const tag of lading.tags(`${registry.address}/test/gzip`)) tags.push(tag);
      expect(tags).toEqual(["latest"]);
      await lading.close();
    });

    it.runIf(protection !== "none")("refuses a wrong password, and lading says so", async () => {
      const credential = { kind: "basic", username: USER.name, password: "wrong" } as const;
      const credentials = hostCredentials({ [registry.address]: credential });
      const lading = await open({ root: await temporaryFolder(), credentials });
      await expect(lading.pull(`${registry.address}/test/gzip`)).rejects.toMatchObject({
        code: "unauthorized",
      });
      await lading.close();
    });
  },
);

describe.skipIf(present)("Debian's registry", () => {
  it.skip(
    "needs docker-registry, skopeo, htpasswd and openssl: apt-get install docker-registry skopeo apache2-utils openssl",
  );
});

function imagesIn(content: MadeContent) {
  const amd64 = { os: "linux", architecture: "amd64" };
  const arm64 = { os: "linux", architecture: "arm64", variant: "v8" };
  const one = randomImage(content, { seed: 21, platform: amd64 });
  const two = randomImage(content, { seed: 22, platform: arm64 });
  return {
    gzip: randomImage(content, { seed: 23, layers: 3 }).descriptor,
    plain: randomImage(content, { seed: 24, compression: ["none"] }).descriptor,
    hundred: randomImage(content, { seed: 26, layers: 100, files: 1, fileSize: 10 }).descriptor,
    index: makeIndex(
      content,
      [
        { descriptor: one.descriptor, platform: amd64 },
        { descriptor: two.descriptor, platform: arm64 },
      ],
      { attestations: true },
    ),
  } as Record<string, ReturnType<typeof makeIndex>>;
}
