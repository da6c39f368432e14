// Where the time of one pull of image big goes: node --cpu-prof on the built command, against Debian's
// registry, to a fresh folder in memory: node bench/profile-pull.mjs
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { imageBig } from "./images.mjs";
import { cpuOf, MEMORY, median, sh, temporary } from "./measure.mjs";
import { registryWith } from "./peers.mjs";
import { table } from "./report.mjs";

const ROUNDS = 5;
const cache = process.env.LADING_BENCH_CACHE ?? join(homedir(), ".cache", "lading-bench");
const LADING = resolve("dist/bin/lading.js");

/** What a frame of the profile is work for; the first that fits. A native function has no URL. */
const KINDS = [
  [
    "waiting: for the registry, the disk, the other core",
    ({ functionName }) => functionName === "(idle)",
  ],
  ["hashing (SHA-256)", ({ functionName, url }) => functionName === "update" && /crypto/.test(url)],
  [
    "writing the blobs (`pwrite`)",
    ({ functionName, url }) => functionName === "writeBuffer" && url === "",
  ],
  [
    "sockets and HTTP in Node",
    ({ url }) => /^node:(internal\/)?(_?http|net|stream|_stream|tls|dns)/.test(url),
  ],
  [
    "reading sockets, the event loop, other native code",
    ({ functionName, url }) =>
      functionName === "(program)" || (url === "" && functionName !== "(garbage collector)"),
  ],
  ["garbage collection", ({ functionName }) => functionName === "(garbage collector)"],
  [
    "starting: Node and modules",
    ({ url }) => /^node:internal\/(modules|bootstrap|main|vm|source_map)/.test(url),
  ],
  ["the rest of Node's JavaScript", ({ url }) => url.startsWith("node:")],
  ["lading's JavaScript", () => true],
];

const folder = await temporary();
const registry = await registryWith(folder, { big: await imageBig(cache) });
try {
  const runs = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const run = await profiled(`${registry.address}/bench/big:latest`);
    // The first round warms caches and does not count.
    if (round > 0) runs.push(run);
  }
  const of = (name) => median(runs.map((run) => run.kinds.get(name) ?? 0));
  const total = median(runs.map((run) => run.total));
  const rows = KINDS.map(([name]) => [
    name,
    of(name).toFixed(0),
    `${((100 * of(name)) / total).toFixed(0)} %`,
  ]);
  const costs = ["wall", "user", "system", "registry"].map((name) => [
    name,
    median(runs.map((run) => run.cost[name])).toFixed(2),
  ]);
  console.log(table(["profiled, and so slower", "s"], costs));
  console.log(table(["main thread", "ms", "of the profile"], rows));
  console.log(table(["the functions with most time of their own", "ms"], slowest(runs)));
} finally {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
}

async function profiled(image) {
  const memory = await mkdtemp(join(MEMORY, "lading-profile-"));
  try {
    const profiles = join(memory, "profiles");
    await mkdir(profiles);
    const options = `--cpu-prof --cpu-prof-interval 200 --cpu-prof-dir ${profiles}`;
    const pull = `${process.execPath} ${options} ${LADING} pull -q --root ${memory}/store ${image}`;
    const before = await cpuOf(registry.pid);
    await sh(`/usr/bin/time -o ${memory}/cost -f "%e %U %S" ${pull}`);
    const served = (await cpuOf(registry.pid)) - before;
    const [wall, user, system] = (await readFile(join(memory, "cost"), "utf8"))
      .split(" ")
      .map(Number);
    const [file] = await readdir(profiles);
    const profile = summed(JSON.parse(await readFile(join(profiles, file), "utf8")));
    return { ...profile, cost: { wall, user, system, registry: served } };
  } finally {
    await rm(memory, { recursive: true, force: true });
  }
}

function summed({ nodes, samples, timeDeltas }) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const kinds = new Map();
  const functions = new Map();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id);
    const ms = (timeDeltas[index] ?? 0) / 1000;
    const [kind] = KINDS.find(([, fits]) => fits(frame));
    const name = `\`${frame.functionName || "(anonymous)"}\` ${frame.url.replace(/^file:.*\/dist\//, "")}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + ms);
    functions.set(name, (functions.get(name) ?? 0) + ms);
    total += ms;
  }
  return { kinds, functions, total };
}

function slowest(runs) {
  const names = [...new Set(runs.flatMap(({ functions }) => [...functions.keys()]))];
  return names
    .map((name) => [name, median(runs.map(({ functions }) => functions.get(name) ?? 0))])
    .sort(([, a], [, b]) => b - a)
    .slice(0, 12)
    .map(([name, ms]) => [name, ms.toFixed(0)]);
}
