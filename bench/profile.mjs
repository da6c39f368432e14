// Where the time of a command goes, by node --cpu-prof on what was built: medians of some runs, each
// thread's samples sorted into kinds of work.
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { cpuOf, MEMORY, median, sh } from "./measure.mjs";
import { table } from "./report.mjs";

const ROUNDS = 5;
const LADING = resolve("dist/bin/lading.js");

/**
 * Prints the tables of a profile. `kinds` are pairs of a name and what tells a frame of it, the first
 * that fits; `thread` is `main` or `workers`; `arguments_` get a fresh folder in memory.
 */
export async function printProfile({ registry, kinds, thread, prepare, arguments_ }) {
  const runs = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const run = await profiled({ registry, kinds, thread, prepare, arguments_ });
    // The first round warms caches and does not count.
    if (round > 0) runs.push(run);
  }
  const of = (name) => median(runs.map((run) => run.kinds.get(name) ?? 0));
  const total = median(runs.map((run) => run.total));
  const rows = kinds.map(([name]) => [
    name,
    of(name).toFixed(0),
    `${((100 * of(name)) / total).toFixed(0)} %`,
  ]);
  const costs = ["wall", "user", "system", "registry"].map((name) => [
    name,
    median(runs.map((run) => run.cost[name])).toFixed(2),
  ]);
  console.log(table(["profiled, and so slower", "s"], costs));
  console.log(
    table(
      [thread === "main" ? "main thread" : "threads that unpack", "ms", "of the profile"],
      rows,
    ),
  );
  console.log(table(["the functions with most time of their own", "ms"], slowest(runs)));
}

async function profiled({ registry, kinds, thread, prepare, arguments_ }) {
  const memory = await mkdtemp(join(MEMORY, "lading-profile-"));
  try {
    const profiles = join(memory, "profiles");
    await mkdir(profiles);
    await prepare?.(memory);
    const options = `--cpu-prof --cpu-prof-interval=200 --cpu-prof-dir=${profiles}`;
    const command = `${process.execPath} ${options} ${LADING} ${arguments_(memory).join(" ")}`;
    const before = await cpuOf(registry.pid);
    await sh(`/usr/bin/time -o ${memory}/cost -f "%e %U %S" ${command}`);
    const served = (await cpuOf(registry.pid)) - before;
    const [wall, user, system] = (await readFile(join(memory, "cost"), "utf8"))
      .split(" ")
      .map(Number);
    // Named by date, time, process, thread, and their order; the main thread is 0.
    const files = (await readdir(profiles)).filter(
      (name) => (name.split(".").at(-3) === "0") === (thread === "main"),
    );
    const sums = { kinds: new Map(), functions: new Map(), total: 0 };
    for (const file of files) {
      addProfile(sums, kinds, JSON.parse(await readFile(join(profiles, file), "utf8")));
    }
    return { ...sums, cost: { wall, user, system, registry: served } };
  } finally {
    await rm(memory, { recursive: true, force: true });
  }
}

function addProfile(sums, kinds, { nodes, samples, timeDeltas }) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const ms = (timeDeltas[index] ?? 0) / 1000;
    const [kind] = kinds.find(([, fits]) => fits(frame));
    const name = `\`${frame.functionName || "(anonymous)"}\` ${frame.url.replace(/^file:.*\/dist\//, "")}`;
    sums.kinds.set(kind, (sums.kinds.get(kind) ?? 0) + ms);
    sums.functions.set(name, (sums.functions.get(name) ?? 0) + ms);
    sums.total += ms;
  }
}

function slowest(runs) {
  const names = [...new Set(runs.flatMap(({ functions }) => [...functions.keys()]))];
  return names
    .map((name) => [name, median(runs.map(({ functions }) => functions.get(name) ?? 0))])
    .sort(([, a], [, b]) => b - a)
    .slice(0, 12)
    .map(([name, ms]) => [name, ms.toFixed(0)]);
}
