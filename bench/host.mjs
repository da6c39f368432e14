// How long a host application's event loop is held up by pulls in its own process.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { imageBig } from "./images.mjs";
import { MEMORY, median, temporary } from "./measure.mjs";
import { registryWith } from "./peers.mjs";
import { table } from "./report.mjs";

const run = promisify(execFile);

export async function host({ cache, rounds }) {
  const folder = await temporary();
  const registry = await registryWith(folder, { big: await imageBig(cache) });
  const work = {
    "one pull of big": ["big", `${registry.address}/bench/big`],
    "one pull of big, unpacked as it arrives": ["unpack", `${registry.address}/bench/big`],
    "500 pulls of small images, 50 at a time": ["small", ""],
  };
  try {
    const rows = [];
    const goals = [];
    for (const [name, args] of Object.entries(work)) {
      const runs = [];
      for (let round = 0; round < rounds; round += 1) runs.push(await delayDuring(args));
      const of = (key) => median(runs.map((one) => one[key]));
      rows.push([
        name,
        of("seconds").toFixed(2),
        of("p50").toFixed(1),
        of("p99").toFixed(1),
        of("max").toFixed(1),
        of("rss").toFixed(0),
      ]);
      goals.push([`p99, ms, ${name}`, of("p99"), 20]);
    }
    return {
      title: "A host stays responsive",
      text: "`monitorEventLoopDelay` (1 ms resolution, less that millisecond) in a process that pulls with the library.",
      table: table(["", "s", "p50 ms", "p99 ms", "max ms", "RSS MiB"], rows),
      goals,
    };
  } finally {
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function delayDuring(args) {
  const root = await mkdtemp(join(MEMORY, "lading-bench-"));
  try {
    const { stdout } = await run(process.execPath, [
      resolve("bench/host-process.mjs"),
      root,
      ...args,
    ]);
    return JSON.parse(stdout);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
