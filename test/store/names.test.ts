import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { copy } from "../../src/content/copy.ts";
import type { LadingEvent } from "../../src/content/events.ts";
import { type LocalStore, openStore } from "../../src/store/local-store.ts";
import type { StoredImage } from "../../src/store/types.ts";
import {
  type ImageShape,
  MadeContent,
  type MadeImage,
  randomImage,
} from "../../src/testkit/index.ts";
import { built, runChild } from "../child.ts";
import { temporaryFolder } from "../temporary.ts";
import { asSource } from "./made-source.ts";

const NAME = "registry.example/app:1";
const PLATFORM = { os: "linux", architecture: "amd64" };

describe("the names of a store", () => {
  it("keep the layers in the order of the manifest, repeated ones too (origin 4.1, faults 1 and 3)", async () => {
    await using store = await fresh();
    const made = await add(store, NAME, { seed: 1, layers: 5, repeatLayer: true });
    const [image] = await store.images();
    const layers = image?.manifests[0]?.layers ?? [];
    expect(layers.map(({ descriptor }) => descriptor.digest)).toEqual(
      made.layers.map(({ digest }) => digest),
    );
    expect(layers.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(layers.map(({ diffId }) => diffId)).toEqual(made.diffIds);
  });

  it("say the size of all that an image needs, each blob once (fault 10)", async () => {
    await using store = await fresh();
    const made = await add(store, NAME, { seed: 2, repeatLayer: true });
    const unique = new Map(
      [made.descriptor, made.config, ...made.layers].map(({ digest, size }) => [digest, size]),
    );
    const total = [...unique.values()].reduce((sum, size) => sum + size, 0);
    expect((await store.images())[0]?.size).toBe(total);
  });

  it("are never given to an image of which a part is missing (fault 4)", async () => {
    await using store = await fresh();
    const made = await add(store, "registry.example/other:1", { seed: 3 });
    await rm(store.layout.blob(made.layers[0]?.digest ?? made.config.digest));
    const record = {
      reference: NAME,
      descriptor: made.descriptor,
      manifests: [{ descriptor: made.descriptor, platform: PLATFORM }],
    };
    await expect(store.record(record)).rejects.toMatchObject({ code: "store-corrupt" });
    expect(await store.find(NAME, PLATFORM)).toBeUndefined();
    expect(await store.find("registry.example/other:1", PLATFORM)).toBeUndefined();
  });

  it("are found again by a catalog that is made anew from the disk", async () => {
    const root = await temporaryFolder();
    let before: readonly StoredImage[];
    {
      await using store = await openStore({ root });
      await add(store, NAME, { seed: 4 });
      await add(store, "registry.example/app:2", { seed: 5, layers: 3 });
      before = await store.images();
    }
    await rm(join(root, "catalog.db"));
    await using store = await openStore({ root });
    expect(await store.images()).toEqual(before);
    expect(await store.rebuild()).toEqual({ images: 2 });
    expect(await store.images()).toEqual(before);
  });

  it("survive a catalog that is rubbish", async () => {
    const root = await temporaryFolder();
    {
      await using store = await openStore({ root });
      await add(store, NAME, { seed: 6 });
    }
    await writeFile(
      join(root, "catalog.db"),
      "this is not a database, and long enough to be read as one",
    );
    await using store = await openStore({ root });
    expect((await store.images()).map(({ reference }) => reference)).toEqual([NAME]);
  });

  it("survive a folder in the catalog's place when it is empty; else the error says what to do", async () => {
    const root = await temporaryFolder();
    {
      await using store = await openStore({ root });
      await add(store, NAME, { seed: 27 });
    }
    for (const suffix of ["", "-wal", "-shm"]) {
      await rm(join(root, `catalog.db${suffix}`), { force: true });
    }
    await mkdir(join(root, "catalog.db"));
    {
      await using store = await openStore({ root });
      expect((await store.images()).map(({ reference }) => reference)).toEqual([NAME]);
    }
    await rm(join(root, "catalog.db"));
    await mkdir(join(root, "catalog.db"));
    await writeFile(join(root, "catalog.db", "precious"), "x");
    await using store = await openStore({ root });
    for (const work of [() => store.images(), () => store.rebuild()]) {
      await expect(work()).rejects.toMatchObject({
        code: "store-corrupt",
        hint: expect.stringContaining("move it away"),
      });
    }
    expect(await readFile(join(root, "catalog.db", "precious"), "utf8")).toBe("x");
  });

  it("that another tool dropped are put back with a warning; those that it added are kept", async () => {
    await using store = await fresh();
    const made = await add(store, NAME, { seed: 7 });
    const foreign = {
      schemaVersion: 2,
      extra: { kept: true },
      manifests: [
        {
          ...made.descriptor,
          annotations: { "org.opencontainers.image.ref.name": "theirs", "com.example": "x" },
        },
      ],
    };
    await writeFile(join(store.root, "index.json"), JSON.stringify(foreign));
    const events: LadingEvent[] = [];
    const images = await store.images({ onEvent: (event) => events.push(event) });
    expect(images.map(({ reference }) => reference)).toEqual([NAME, "theirs"]);
    expect(events).toMatchObject([{ type: "warning", code: "name-restored" }]);
    const index = JSON.parse(await readFile(join(store.root, "index.json"), "utf8"));
    expect(index.extra).toEqual({ kept: true });
    expect(index.manifests[0].annotations["com.example"]).toBe("x");
  });

  it("that were removed stay removed, and the content goes with the next collection only", async () => {
    await using store = await fresh();
    const made = await add(store, NAME, { seed: 8 });
    expect(await store.remove(NAME)).toMatchObject({ digest: made.descriptor.digest });
    expect(await store.remove(NAME)).toBeUndefined();
    expect(await store.images()).toEqual([]);
    expect(await store.has(made.descriptor)).toBe(true);
    await store.rebuild();
    expect(await store.images()).toEqual([]);
    const { blobs } = await store.collect();
    expect(blobs).toHaveLength(4);
    expect(await store.has(made.descriptor)).toBe(false);
  });

  it("can be opened for the first time by many processes at once", async () => {
    const root = await temporaryFolder();
    const children = Array.from({ length: 6 }, () =>
      runChild(`
        import { openStore } from ${JSON.stringify(built("store/local-store.js"))};
        const store = await openStore({ root: ${JSON.stringify(root)} });
        say((await store.images()).length);
        await store[Symbol.asyncDispose]();
      `),
    );
    expect(await Promise.all(children.map((child) => child.ended()))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(children.map(({ output }) => output)).toEqual(Array(6).fill("0\n"));
  });

  it("are given by many processes at once without one getting lost", async () => {
    const root = await temporaryFolder();
    await using store = await openStore({ root });
    const made = await add(store, NAME, { seed: 9 });
    const children = Array.from({ length: 5 }, (_, n) =>
      runChild(`
        import { openStore } from ${JSON.stringify(built("store/local-store.js"))};
        const store = await openStore({ root: ${JSON.stringify(root)} });
        const descriptor = ${JSON.stringify(made.descriptor)};
        const manifests = [{ descriptor, platform: ${JSON.stringify(PLATFORM)} }];
        for (let n = 0; n < 5; n += 1) {
          await store.record({ reference: "registry.example/p${n}:" + n, descriptor, manifests });
        }
        await store[Symbol.asyncDispose]();
      `),
    );
    expect(await Promise.all(children.map((child) => child.ended()))).toEqual([0, 0, 0, 0, 0]);
    expect(await store.images()).toHaveLength(26);
  });
});

describe("a collection", () => {
  it("frees nothing that a name, a foreign name or a living lease reaches", async () => {
    await using store = await fresh();
    const kept = await add(store, NAME, { seed: 10 });
    const leased = await add(store, "registry.example/leased:1", { seed: 11 });
    const lease = await store.lease([leased.descriptor]);
    await store.remove("registry.example/leased:1");
    expect((await store.collect()).blobs).toEqual([]);
    await lease.release();
    const dry = await store.collect({ dryRun: true });
    expect(dry).toMatchObject({ dryRun: true, blobs: { length: 4 } });
    expect(await store.has(leased.descriptor)).toBe(true);
    expect((await store.collect()).bytes).toBe(dry.bytes);
    expect(await store.has(leased.descriptor)).toBe(false);
    expect(await store.has(kept.descriptor)).toBe(true);
  });

  it("honours a lease that outlives its process until its time is over, and no other of the dead", async () => {
    const root = await temporaryFolder();
    let now = Date.now();
    const clock = { now: () => now, sleep: async () => {}, after: () => () => {} };
    await using store = await openStore({ root, clock });
    const kept = await add(store, NAME, { seed: 12 });
    const dropped = await add(store, "registry.example/b:1", { seed: 13 });
    const child = runChild(`
      import { openStore } from ${JSON.stringify(built("store/local-store.js"))};
      const store = await openStore({ root: ${JSON.stringify(root)} });
      const lease = await store.lease([${JSON.stringify(kept.descriptor)}]);
      await lease.keep(3600_000);
      await store.lease([${JSON.stringify(dropped.descriptor)}]);
      say("leased");
      process.stdin.resume();
    `);
    await child.said("leased");
    await store.remove(NAME);
    await store.remove("registry.example/b:1");
    expect((await store.collect()).blobs).toEqual([]);
    await child.kill();
    await store.collect();
    expect(await store.has(kept.descriptor)).toBe(true);
    expect(await store.has(dropped.descriptor)).toBe(false);
    now += 3_700_000;
    await store.collect();
    expect(await store.has(kept.descriptor)).toBe(false);
  });

  it("waits for who writes, in whatever process", async () => {
    await using store = await fresh();
    const end = await store.hold();
    const child = runChild(`
      import { openStore } from ${JSON.stringify(built("store/local-store.js"))};
      const store = await openStore({ root: ${JSON.stringify(store.root)} });
      await store.collect({ onEvent: ({ type }) => say(type) });
      say("collected");
      await store[Symbol.asyncDispose]();
    `);
    await child.said("waiting");
    expect(child.output).not.toContain("collected");
    end();
    await child.said("collected");
  });

  it("takes away downloads that nobody goes on with", async () => {
    await using store = await fresh();
    const ingest = await store.ingest({
      mediaType: "application/octet-stream",
      digest: `sha256:${"0".repeat(64)}` as never,
      size: 100,
    });
    ingest?.writeAt(0, new Uint8Array(50));
    await ingest?.abort({ keep: true });
    const report = await store.collect();
    expect(report.ingests).toBeGreaterThan(0);
    expect((await store.collect()).ingests).toBe(0);
  });

  it("touches nothing when it can't read what protects something", async () => {
    await using store = await fresh();
    const made = await add(store, NAME, { seed: 14 });
    await store.remove(NAME);
    await writeFile(join(store.root, "index.json"), "{ torn");
    await expect(store.collect()).rejects.toMatchObject({ code: "store-corrupt" });
    await writeFile(join(store.root, "index.json"), '{"schemaVersion":2,"manifests":[]}');
    await writeFile(join(store.root, "leases", "x.0.json"), "{ torn");
    await expect(store.collect()).rejects.toMatchObject({ code: "store-corrupt" });
    expect(await store.has(made.descriptor)).toBe(true);
  });
});

describe("verifying a store", () => {
  it("never reads a blob through a symbolic link that another tool left (ggcr #2306)", async () => {
    await using store = await fresh();
    const made = await add(store, NAME, { seed: 20 });
    const [layer = made.config] = made.layers;
    const path = store.layout.blob(layer.digest);
    const outside = join(await temporaryFolder(), "secret");
    await writeFile(outside, await readFile(path));
    await rm(path);
    await symlink(outside, path);
    await expect(store.open(layer, { offset: 0 })).rejects.toMatchObject({
      code: expect.any(String),
    });
    expect((await store.verify()).broken).toMatchObject([
      { digest: layer.digest, problem: "not-a-file", references: [NAME] },
    ]);
  });

  it("names what is broken and who needs it, and moves it away on demand", async () => {
    await using store = await fresh();
    const made = await add(store, NAME, { seed: 15 });
    expect(await store.verify()).toMatchObject({ blobs: 4, broken: [] });
    const [layer, other] = made.layers;
    if (layer === undefined || other === undefined) throw new Error("two layers were made");
    const path = store.layout.blob(layer.digest);
    const bytes = await readFile(path);
    bytes[10] = (bytes[10] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await rm(store.layout.blob(other.digest));
    const report = await store.verify();
    expect(report.broken).toHaveLength(2);
    expect(report.broken).toContainEqual({
      digest: layer.digest,
      problem: "wrong-digest",
      references: [NAME],
      quarantined: false,
    });
    expect(report.broken).toContainEqual(
      expect.objectContaining({ digest: other.digest, problem: "missing" }),
    );
    await store.verify({ repair: true });
    expect(await store.has(layer)).toBe(false);
  });
});

async function fresh(): Promise<LocalStore> {
  return openStore({ root: await temporaryFolder() });
}

async function add(store: LocalStore, reference: string, shape: ImageShape): Promise<MadeImage> {
  const content = new MadeContent();
  const made = randomImage(content, shape);
  await copy(asSource(content), store, made.descriptor);
  const manifests = [{ descriptor: made.descriptor, platform: PLATFORM }];
  await store.record({ reference, descriptor: made.descriptor, manifests });
  return made;
}
