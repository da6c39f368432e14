import { rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MadeContent } from "../../src/testkit/index.ts";
import { Random } from "../../src/testkit/random.ts";
import { command } from "../cli/run-command.ts";
import { differences, snapshot } from "../rootfs/snapshot.ts";
import { temporaryFolder } from "../temporary.ts";
import { full, seed } from "./tier.ts";
import { bulkyImage } from "./unpack-image.ts";
import { type Ended, pullAndUnpack, startNode } from "./unpack-process.ts";
import { type CountedServer, serveCounted } from "./unpack-served.ts";
import { fillDisk, resizeDisk, temporaryDisk } from "./unpack-tmpfs.ts";
import { type Expected, layerDifferences, unpackedLayers } from "./unpack-watched.ts";

const MIB = 2 ** 20;
const TRIES = full ? 12 : 2;
const TIMEOUT = 300_000;
const LAYERS = 3;
/** Of a layer, as a blob and as files, which the next layer replaces: no compression makes it less. */
const LAYER = 24 * MIB;
const ENOUGH = "1g";
/** What no disk here is large enough for. */
const NO_LIMIT = ["--max-bytes", "1000000000000"];

const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)(`unpacking onto a full disk (seed ${seed})`, () => {
  const random = new Random(seed);
  const content = new MadeContent();
  let registry: CountedServer;
  let reference: string;
  let expected: Required<Expected>;

  beforeAll(async () => {
    bulkyImage(content, { seed, layers: LAYERS, files: 48, fileSize: LAYER / 48 });
    registry = await serveCounted(content);
    reference = `${registry.address}/app:1`;
    const home = await temporaryFolder();
    expect((await flat(home)).code).toBe(0);
    expect((await cached(home)).code).toBe(0);
    expected = {
      target: await snapshot(join(home, "target")),
      layers: await unpackedLayers(join(home, "store")),
    };
  }, TIMEOUT);
  afterAll(() => registry[Symbol.asyncDispose]());

  const flat = (home: string, ...flags: readonly string[]): Promise<Ended> => {
    const words = ["unpack", "--json", ...flags, reference, join(home, "target")];
    return startNode([command, ...words], { home }).ended;
  };
  const cached = (home: string): Promise<Ended> =>
    startNode(pullAndUnpack(join(home, "store"), [reference]), { home }).ended;
  /** From too small for one blob to just too small for all blobs and what the files come to. */
  const sizes = Array.from({ length: TRIES }, (_, index) => {
    const most = (LAYERS + 1) * LAYER - 8 * MIB;
    return 4 * MIB + Math.floor(((index + random.below(1000) / 1000) * most) / TRIES);
  });

  it.each(sizes)(
    "of %i bytes, into a directory",
    async (size) => {
      const home = await temporaryDisk("disk", String(size));
      // Whatever is free at the start: then the disk itself has to refuse.
      for (const flags of [[], NO_LIMIT]) {
        const { code, stdout, stderr } = await flat(home, ...flags);
        expectFull(code, stdout, stderr, flags === NO_LIMIT);
        await expectNothingHalf(home);
      }
      resizeDisk(home, ENOUGH);
      const { code, stderr } = await flat(home);
      expect(code, stderr).toBe(0);
      expect(differences(expected.target, await snapshot(join(home, "target")))).toEqual([]);
    },
    TIMEOUT,
  );

  it.each(sizes)(
    "of %i bytes, into the store",
    async (size) => {
      const home = await temporaryDisk("disk", String(size));
      const { code, stderr } = await cached(home);
      expect(code).toBe(1);
      expect(stderr).toMatch(/code: '(disk|limit-exceeded)'/);
      await expectNothingHalf(home);
      resizeDisk(home, ENOUGH);
      const second = await cached(home);
      expect(second.code, second.stderr).toBe(0);
      const layers = await unpackedLayers(join(home, "store"));
      expect([...layers.keys()]).toEqual([...expected.layers.keys()]);
    },
    TIMEOUT,
  );

  it.each(sizes)(
    "that others fill meanwhile (%i)",
    async (moment) => {
      const home = await temporaryDisk("disk", ENOUGH);
      const filler = join(home, "filler");
      // What is sent after that moment waits until the disk is full.
      const filled = registry.more(moment % (LAYERS * LAYER)).then(() => fillDisk(filler));
      const { code, stdout, stderr } = await flat(home);
      await filled;
      expectFull(code, stdout, stderr, true);
      await expectNothingHalf(home);
      rmSync(filler);
      const second = await flat(home);
      expect(second.code, second.stderr).toBe(0);
      expect(differences(expected.target, await snapshot(join(home, "target")))).toEqual([]);
    },
    TIMEOUT,
  );

  /** One error that says what to do. */
  function expectFull(code: number | null, stdout: string, stderr: string, disk: boolean): void {
    const { error } = JSON.parse(stdout);
    expect(["disk", ...(disk ? [] : ["limit-exceeded"])], stdout).toContain(error.code);
    expect(code).toBe(error.code === "disk" ? 1 : 5);
    expect(error.message).toMatch(error.code === "disk" ? /the disk is (?:too )?full/ : /allowed/);
    expect(error.hint).toContain("free some space");
    if (error.code === "limit-exceeded") expect(error.limit.name).toBe("--max-bytes");
    expect(stderr.match(/^lading: /gm)).toHaveLength(1);
  }

  /** Of what can be seen all is whole, though nothing more can be written. */
  async function expectNothingHalf(home: string): Promise<void> {
    const names = (await readdir(home)).filter((name) => name !== "filler");
    expect(names.sort()).toEqual(["docker", "store"]);
    expect(await readdir(join(home, "store", "staging")).catch(() => [])).toEqual([]);
    for (const [key, layer] of await unpackedLayers(join(home, "store"))) {
      const whole = expected.layers.get(key);
      expect(layer.record).toBe(whole?.record);
      expect(layerDifferences(whole?.rootfs ?? new Map(), layer.rootfs)).toEqual([]);
    }
    const { code, stdout, stderr } = await startNode([command, "store", "verify"], { home }).ended;
    expect(code, stdout + stderr).toBe(0);
  }
});

describe.skipIf(isRoot)("unpacking onto a full disk", () => {
  it.skip("is not tested: only root may mount a small one", () => {});
});
