import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../src/store/local-store.ts";
import { createTar } from "../../src/tar/writer.ts";
import {
  addImage,
  addLayer,
  createRegistry,
  type MadeLayer,
  type TestRegistry,
  validateImage,
} from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { command } from "../cli/run-command.ts";
import { someFiles } from "../layer/unpack-rig.ts";
import { differences, snapshot } from "../rootfs/snapshot.ts";
import { temporaryFolder } from "../temporary.ts";
import { full, seed } from "./tier.ts";
import { bulkyImage } from "./unpack-image.ts";
import { type Ended, pullAndUnpack, startNode } from "./unpack-process.ts";

const PROCESSES = full ? 4 : 2;
const ROUNDS = full ? 10 : 1;
const IMAGES = 20;
const SHARED = 6;
const TIMEOUT = 300_000;
const seeds = Array.from({ length: ROUNDS }, (_, index) => seed + index);
const processes = Array.from({ length: PROCESSES }, (_, index) => index);

describe(`${PROCESSES} processes that unpack one image at one moment (seed ${seed})`, () => {
  it.each(seeds)(
    "each make a target of their own (%i)",
    async (each) => {
      await using registry = await createRegistry();
      const image = bulkyImage(registry.content, bulk(each));
      const home = await temporaryFolder();
      const targets = processes.map((index) => join(home, `target-${index}`));
      const ran = await Promise.all(targets.map((target) => unpack(home, registry, target)));
      expectAll(ran, 0);
      const expected = await alone(registry);
      for (const target of targets) {
        expect(differences(expected, await snapshot(target))).toEqual([]);
      }
      for (const { digest } of [image.config, ...image.layers]) {
        expect(askedFor(registry, digest), digest).toBe(2);
      }
    },
    TIMEOUT,
  );

  it.each(seeds)(
    "make one target once: the others wait, and find it there (%i)",
    async (each) => {
      await using registry = await createRegistry();
      bulkyImage(registry.content, bulk(each));
      const home = await temporaryFolder();
      const target = join(home, "target");
      const ran = await Promise.all(processes.map(() => unpack(home, registry, target)));
      const [first, ...others] = ran.sort((a, b) => Number(a.code) - Number(b.code));
      expect(first?.code, first?.stderr).toBe(0);
      for (const { code, stdout, stderr } of others) {
        expect(code, stderr).toBe(1);
        expect(JSON.parse(stdout).error).toMatchObject({
          code: "disk",
          message: "the target is not empty",
          hint: expect.stringContaining("--force"),
        });
        // None of them had done any of the work.
        expect(stderr).not.toContain("unpacking");
      }
      expect(differences(await alone(registry), await snapshot(target))).toEqual([]);
    },
    TIMEOUT,
  );

  it.each(seeds)(
    "make each layer of the store once (%i)",
    async (each) => {
      await using registry = await createRegistry();
      const image = bulkyImage(registry.content, bulk(each));
      const home = await temporaryFolder();
      const words = pullAndUnpack(join(home, "store"), [`${registry.address}/app:1`]);
      const ran = await Promise.all(processes.map(() => startNode(words, { home }).ended));
      expectAll(ran, 0);
      expect(made(ran)).toEqual([...image.diffIds].sort());
      await expectSameLayers(home, registry, ["app:1"]);
    },
    TIMEOUT,
  );
});

describe(`${IMAGES} images that share ${SHARED} layers (seed ${seed})`, () => {
  it.each([1, 2])(
    "are unpacked at once by %i processes, each layer once",
    async (count) => {
      await using registry = await createRegistry();
      const { names, diffIds } = sharingImages(registry);
      const home = await temporaryFolder();
      const references = names.map((name) => `${registry.address}/${name}`);
      const words = pullAndUnpack(join(home, "store"), references);
      const ran = await Promise.all(
        Array.from({ length: count }, () => startNode(words, { home }).ended),
      );
      expectAll(ran, 0);
      expect(made(ran)).toEqual([...diffIds].sort());
      await expectSameLayers(home, registry, names);
      await using store = await openStore({ root: join(home, "store") });
      const images = await store.images();
      expect(images).toHaveLength(IMAGES);
      for (const { descriptor } of images) await validateImage(store, descriptor);
    },
    TIMEOUT,
  );
});

function bulk(seed: number): Parameters<typeof bulkyImage>[1] {
  return { seed, layers: 4, files: 40, fileSize: 60_000 };
}

/** Each has all that is shared, from the bottom, and something of its own. */
function sharingImages({ content }: TestRegistry): { names: string[]; diffIds: string[] } {
  const layer = (folder: string, index: number): MadeLayer =>
    addLayer(content, createTar(someFiles(folder, 30, 30_000, seed + index)), "gzip");
  const shared = Array.from({ length: SHARED }, (_, index) => layer(`shared-${index}`, index));
  const diffIds = new Set<string>(shared.map(({ diffId }) => diffId));
  const names = Array.from({ length: IMAGES }, (_, index) => {
    const own = layer(`own-${index}`, 100 + index);
    diffIds.add(own.diffId);
    content.tag(`app:${index}`, addImage(content, [...shared, own]).descriptor);
    return `app:${index}`;
  });
  return { names, diffIds: [...diffIds] };
}

function unpack(home: string, { address }: TestRegistry, target: string): Promise<Ended> {
  return startNode([command, "unpack", "--json", `${address}/app:1`, target], { home }).ended;
}

/** What an unpack comes to that nobody disturbs. */
async function alone(registry: TestRegistry): Promise<Awaited<ReturnType<typeof snapshot>>> {
  const home = await temporaryFolder();
  const target = join(home, "target");
  expectAll([await unpack(home, registry, target)], 0);
  return snapshot(target);
}

/** As if the images had been pulled one after another. */
async function expectSameLayers(
  home: string,
  { address }: TestRegistry,
  names: readonly string[],
): Promise<void> {
  const other = join(await temporaryFolder(), "store");
  await using lading = await open({ root: other });
  for (const name of names) await lading.pull(`${address}/${name}`, { unpack: true });
  const [left, right] = await Promise.all(
    [other, join(home, "store")].map((root) => snapshot(join(root, "layers"))),
  );
  const found = differences(left ?? new Map(), right ?? new Map(), {
    ignore: (path, field, a) =>
      field === "mtimeNs" && (!path.includes("/rootfs") || a?.device === "0:0"),
  });
  expect(found).toEqual([]);
}

function expectAll(ran: readonly Ended[], code: number): void {
  for (const one of ran) expect(one.code, one.stderr).toBe(code);
}

/** The layers that all of them unpacked, by diff ID. */
function made(ran: readonly Ended[]): string[] {
  return ran.flatMap(({ stdout }): string[] => JSON.parse(stdout)).sort();
}

function askedFor({ requests }: TestRegistry, digest: string): number {
  return requests.filter((line) => line.includes(`GET /v2/app/blobs/${digest}`)).length;
}
