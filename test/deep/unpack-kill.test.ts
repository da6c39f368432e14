import { mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MadeContent, type MadeImage } from "../../src/testkit/index.ts";
import { Random } from "../../src/testkit/random.ts";
import { command, type RunOptions } from "../cli/run-command.ts";
import { differences, snapshot } from "../rootfs/snapshot.ts";
import { temporaryFolder } from "../temporary.ts";
import { full, seed } from "./tier.ts";
import { type Call, dyingAt } from "./unpack-dying.ts";
import { tell } from "./unpack-figures.ts";
import { bulkyImage } from "./unpack-image.ts";
import { type Process, pullAndUnpack, startNode } from "./unpack-process.ts";
import { type CountedServer, serveCounted } from "./unpack-served.ts";
import { temporaryDisk } from "./unpack-tmpfs.ts";
import { type Expected, unpackedLayers, WatchedUnpack } from "./unpack-watched.ts";

const KILLS = full ? 30 : 6;
const KILLS_IN_PLACE = full ? 10 : 2;
const TIMEOUT = 300_000;
const isRoot = process.getuid?.() === 0;

const content = new MadeContent();
const image = bulkyImage(content, { seed, layers: 4, files: 60, fileSize: 60_000 });
const random = new Random(seed);
let registry: CountedServer;
let reference: string;
let expected: Required<Expected>;
let killed = 0;

beforeAll(async () => {
  registry = await serveCounted(content);
  reference = `${registry.address}/app:1`;
  const home = await temporaryFolder();
  const target = join(home, "target");
  for (const startOne of [startFlat, startCached]) {
    const { code, stderr } = await startOne({ home }).ended;
    expect(code, stderr).toBe(0);
  }
  expected = {
    target: await snapshot(target),
    layers: await unpackedLayers(join(home, "store")),
  };
  expect(expected.layers.size).toBe(image.layers.length);
}, TIMEOUT);
afterAll(() => registry[Symbol.asyncDispose]());

const startFlat = (options: RunOptions, ...flags: readonly string[]): Process =>
  startNode([command, "unpack", ...flags, reference, join(options.home, "target")], options);
const startCached = (options: RunOptions): Process =>
  startNode(pullAndUnpack(join(options.home, "store"), [reference]), options);

describe(`lading unpack, killed at ${KILLS} random moments (seed ${seed})`, () => {
  it.each(moments(KILLS, "closeSync", "renameSync", "promises.rename", "mkdirSync", "rmdirSync"))(
    "at $call $at: the next one is exact",
    async (moment) => {
      const home = await temporaryFolder();
      const watched = new WatchedUnpack(join(home, "store"), join(home, "target"), expected);
      await watchedRun(watched, async () => {
        await killedAt(moment, home, startFlat);
        const whole = await isThere(watched.target);
        const { code, stderr } = await startFlat({ home }).ended;
        if (whole) expect(stderr).toContain("the target is not empty");
        expect(code, stderr).toBe(whole ? 1 : 0);
      });
      expect(differences(expected.target, await snapshot(watched.target))).toEqual([]);
      await nothingElse(home, ["store", "target"]);
    },
    TIMEOUT,
  );
});

describe(`a pull with unpack, killed at ${KILLS} random moments (seed ${seed})`, () => {
  it.each(moments(KILLS, "closeSync", "promises.rename", "mkdirSync", "promises.writeFile"))(
    "at $call $at: the next one is exact",
    async (moment) => {
      const home = await temporaryFolder();
      const watched = new WatchedUnpack(join(home, "store"), join(home, "target"), expected);
      await watchedRun(watched, async () => {
        await killedAt(moment, home, startCached);
        const { code, stderr } = await startCached({ home }).ended;
        expect(code, stderr).toBe(0);
      });
      const layers = await unpackedLayers(watched.store.root);
      expect([...layers.keys()]).toEqual([...expected.layers.keys()]);
      await nothingElse(home, ["store"]);
    },
    TIMEOUT,
  );
});

describe.runIf(isRoot)(`lading unpack onto a mount point, killed (seed ${seed})`, () => {
  it.each(
    Array.from({ length: KILLS_IN_PLACE }, () => ({
      call: "renameSync" as const,
      at: random.below(200),
    })),
  )(
    "at $call $at: marked until it is whole, and exact after the next one",
    async (moment) => {
      const target = await temporaryDisk("target", "256m");
      const home = dirname(target);
      await mkdir(join(target, "lost+found"));
      const watched = new WatchedUnpack(join(home, "store"), target, expected);
      await watchedRun(watched, async () => {
        await killedAt(moment, home, startFlat);
        const first = await startFlat({ home }).ended;
        if (first.code === 0) return;
        expect(first.stderr).toMatch(/not empty|interrupted unpack left/);
        const forced = await startFlat({ home }, "--force").ended;
        expect(forced.code, forced.stderr).toBe(0);
      });
      const found = differences(expected.target, await snapshot(target), {
        ignore: (path) => path === "lost+found",
      });
      expect(found).toEqual([]);
      await nothingElse(home, ["store", "target"]);
    },
    TIMEOUT,
  );
});

it("most of these were killed indeed", () => {
  const all = 2 * KILLS + (isRoot ? KILLS_IN_PLACE : 0);
  tell(`${killed} of ${all} processes were killed`);
  expect(killed).toBeGreaterThan(all / 2);
});

type Moment = { readonly call: "byte" | Call; readonly at: number };

/** About as often as an undisturbed unpack does it in one thread. */
const OFTEN: Readonly<Record<Call, number>> = {
  mkdirSync: 40,
  closeSync: 200,
  renameSync: 120,
  rmdirSync: 10,
  "promises.rename": 8,
  "promises.writeFile": 6,
};

/** Half of them while bytes arrive, half at something that the process does to files. */
function moments(count: number, ...calls: readonly Call[]): Moment[] {
  const size = total(image);
  return Array.from({ length: count }, (_, index) => {
    if (index % 2 === 0) return { call: "byte", at: random.below(size) };
    const call = calls[((index - 1) / 2) % calls.length] ?? "renameSync";
    return { call, at: random.below(OFTEN[call]) };
  });
}

async function killedAt(
  { call, at }: Moment,
  home: string,
  startOne: (options: RunOptions) => Process,
): Promise<void> {
  const env = call === "byte" ? {} : dyingAt(home, call, at);
  const enough = call === "byte" ? registry.more(at) : new Promise<void>(() => {});
  const running = startOne({ home, env });
  await Promise.race([enough, running.ended]);
  if (call === "byte") running.kill();
  const { code, signal, stderr } = await running.ended;
  if (signal === "SIGKILL") killed += 1;
  else expect(code, stderr).toBe(0);
}

async function watchedRun(watched: WatchedUnpack, work: () => Promise<void>): Promise<void> {
  const watching = watched.watch();
  try {
    await Promise.race([work(), watching.then(() => {})]);
    await watched.look();
  } finally {
    watched.stop();
  }
  expect(await watching).toBeGreaterThan(1);
}

/** No half-made layer, download, probe or workshop. */
async function nothingElse(home: string, names: readonly string[]): Promise<void> {
  const ours = (await readdir(home)).filter((name) => !["docker", "die.cjs"].includes(name));
  expect(ours.sort()).toEqual(names);
  for (const folder of ["staging", "ingest"]) {
    expect(await readdir(join(home, "store", folder)), folder).toEqual([]);
  }
  expect(await readdir(join(home, "store", "layers")).catch(() => [])).not.toContain(
    ".lading-probe",
  );
}

async function isThere(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    () => false,
  );
}

function total({ descriptor, config, layers }: MadeImage): number {
  return [descriptor, config, ...layers].reduce((sum, { size }) => sum + size, 0);
}
