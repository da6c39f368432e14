import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { copy } from "../../src/content/copy.ts";
import { openDatabase } from "../../src/disk/sqlite.ts";
import { migrations } from "../../src/store/catalog/schema.ts";
import { type LocalStore, openStore } from "../../src/store/local-store.ts";
import { MadeContent, makeIndex, randomImage } from "../../src/testkit/index.ts";
import { temporaryFolder } from "../temporary.ts";
import { addImage } from "./add-image.ts";
import { asSource } from "./made-source.ts";

const NAME = "registry.example/app:1";
const OTHER = "registry.example/app:2";

describe("the catalog", () => {
  it("gives each image the media types of its own manifest, though they share a layer", async () => {
    await using store = await fresh();
    const oci = await addImage(store, NAME, { seed: 1 });
    const docker = await addImage(store, OTHER, { seed: 1, format: "docker" });
    expect(docker.layers[0]?.digest).toBe(oci.layers[0]?.digest);
    const types = (await store.images()).map(({ manifests }) =>
      manifests[0]?.layers.map(({ descriptor }) => descriptor.mediaType),
    );
    expect(types).toEqual([oci, docker].map(({ layers }) => layers.map((l) => l.mediaType)));
  });

  it.each([
    { os: "linux", architecture: "my arch" },
    { os: "linux", architecture: "" },
    { os: "a/b(c)", architecture: "../../x", variant: "v 1" },
  ])("keeps a platform as odd as %o, and all images beside it", async (platform) => {
    await using store = await fresh();
    await addImage(store, OTHER, { seed: 1 });
    const content = new MadeContent();
    const made = randomImage(content, { seed: 2 });
    const index = makeIndex(content, [{ descriptor: made.descriptor, platform }]);
    await copy(asSource(content), store, index);
    const manifests = [{ descriptor: made.descriptor, platform }];
    await store.record({ reference: NAME, descriptor: index, manifests });
    const images = await store.images();
    expect(images.map(({ reference }) => reference)).toEqual([NAME, OTHER]);
    expect(images[0]?.manifests[0]?.platform).toEqual(platform);
    expect((await store.verify()).broken).toEqual([]);
    await store.rebuild();
    expect(await store.images()).toEqual(images);
  });

  it("lists the other images when a platform in it is rubbish", async () => {
    await using store = await fresh();
    await addImage(store, NAME, { seed: 1 });
    await addImage(store, OTHER, { seed: 2 });
    await store.catalog.write({}, (database) =>
      database.prepare("UPDATE image SET platform = 'linux/amd64' WHERE reference = ?").run(NAME),
    );
    const images = await store.images();
    expect(images.map(({ manifests }) => manifests[0]?.platform.os)).toEqual(["unknown", "linux"]);
  });

  it("of the first version is read from the disk again, but for the times of use", async () => {
    const root = await temporaryFolder();
    {
      await using store = await openStore({ root });
      await addImage(store, NAME, { seed: 1 });
      await store.catalog.remove();
    }
    const database = await openDatabase(join(root, "catalog.db"));
    database.exec(migrations[0] ?? "");
    const digest = `sha256:${"0".repeat(64)}`;
    database.exec(`
      INSERT INTO name VALUES ('${NAME}', '${digest}', 'x/y', 1, 1, 1, 12345);
      INSERT INTO config VALUES ('c', 'linux/my arch', NULL, NULL, NULL, '', NULL, NULL, NULL, '',
        NULL, '', '', NULL, NULL, '', '');
      INSERT INTO manifest VALUES ('${digest}', 'x/y', 1, 'c', 'x/y', 1);
      INSERT INTO image VALUES ('${NAME}', 0, 'linux/my arch', '${digest}');
      INSERT INTO meta VALUES ('index', 'as it was');
      PRAGMA user_version = 1;
    `);
    database.close();
    await using store = await openStore({ root });
    const [image] = await store.images();
    expect(image).toMatchObject({ reference: NAME, usedAt: 12345 });
    expect(image?.manifests).toHaveLength(1);
    const { images } = await store.rebuild();
    expect(images).toBe(1);
  });

  it("no longer counts as complete what verify moved away, or found missing", async () => {
    await using store = await fresh();
    const content = new MadeContent();
    const [one, two] = ["amd64", "arm64"].map((architecture, seed) => {
      const platform = { os: "linux", architecture };
      return { ...randomImage(content, { seed, platform }), platform };
    });
    if (one === undefined || two === undefined) throw new Error("two images were made");
    const index = makeIndex(content, [one, two]);
    await copy(asSource(content), store, index);
    await store.record({ reference: NAME, descriptor: index, manifests: [one, two] });
    const [layer] = one.layers;
    await flip(store, layer?.digest ?? one.config.digest);
    expect((await store.images())[0]?.manifests).toHaveLength(2);
    await store.verify({ repair: true });
    const [image] = await store.images();
    expect(image?.manifests.map(({ platform }) => platform.architecture)).toEqual(["arm64"]);
    await store.rebuild();
    expect(await store.images()).toEqual([image]);

    await flip(store, two.config.digest);
    expect((await store.verify({ repair: true })).broken).toMatchObject([
      { digest: two.config.digest, references: [NAME] },
    ]);
    expect(await store.images()).toEqual([]);
  });

  it("says of a name all platforms that are there, whichever pull brought them", async () => {
    await using store = await fresh();
    const content = new MadeContent();
    const [one, two] = ["amd64", "arm64"].map((architecture, seed) => {
      const platform = { os: "linux", architecture };
      return { ...randomImage(content, { seed, platform }), platform };
    });
    if (one === undefined || two === undefined) throw new Error("two images were made");
    const index = makeIndex(content, [one, two]);
    for (const image of [one, two]) {
      await copy(asSource(content), store, index, { select: () => [image.descriptor] });
      await store.record({ reference: NAME, descriptor: index, manifests: [image] });
    }
    const document = JSON.parse(await readFile(store.layout.index, "utf8"));
    expect(document.manifests).toMatchObject([
      { annotations: { "dev.lading.platforms": "linux/amd64,linux/arm64" } },
    ]);
  });
});

describe("a collection", () => {
  it("stops at a manifest with a flipped bit rather than free its layers", async () => {
    await using store = await fresh();
    const made = await addImage(store, NAME, { seed: 1 });
    await flip(store, made.descriptor.digest);
    await expect(store.collect()).rejects.toMatchObject({
      code: "store-corrupt",
      hint: expect.stringContaining("store verify --repair"),
    });
    for (const layer of made.layers) expect(await store.has(layer)).toBe(true);
    expect((await store.verify()).broken).toMatchObject([
      { digest: made.descriptor.digest, references: [NAME] },
    ]);
  });
});

function fresh(): Promise<LocalStore> {
  return temporaryFolder().then((root) => openStore({ root }));
}

async function flip(store: LocalStore, digest: Parameters<LocalStore["layout"]["blob"]>[0]) {
  const path = store.layout.blob(digest);
  const bytes = await readFile(path);
  bytes[10] = (bytes[10] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
