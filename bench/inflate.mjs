// Ways to inflate the layers of image big, each in one thread, in runs that alternate.
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { imageBig } from "./images.mjs";
import { alternate } from "./measure.mjs";
import { mib, ratio, seconds, table } from "./report.mjs";

const WAYS = {
  "ISA-L, called": "isal",
  "Node's zlib, called": "zlib",
  "Node's zlib, as a stream": "stream",
};
const BASE = "Node's zlib, called";

export async function inflate({ cache, rounds }) {
  const blobs = join(await imageBig(cache), "blobs", "sha256");
  const layers = [];
  for (const name of await readdir(blobs)) {
    const path = join(blobs, name);
    if ((await stat(path)).size > 100_000) layers.push(path);
  }
  const size = (
    await Promise.all(layers.map(async (path) => (await readFile(path)).length))
  ).reduce((sum, one) => sum + one, 0);
  const once = resolve("bench/inflate-once.mjs");
  const contestants = Object.fromEntries(
    Object.entries(WAYS).map(([name, way]) => [
      name,
      { command: () => [process.execPath, once, way, ...layers] },
    ]),
  );
  contestants["igzip -dc"] = {
    command: () => ["sh", "-c", 'igzip -dc "$@" > /dev/null', "sh", ...layers],
  };
  const costs = await alternate(contestants, rounds);
  return {
    title: "Inflate",
    text: `The gzip layers of image big, ${(size / 1e6).toFixed(0)} MB, from a warm page cache to nothing, one thread.`,
    table: table(
      ["", "wall s", "CPU s", "RSS MiB", `CPU ÷ ${BASE}`],
      Object.entries(costs).map(([name, { wall, cpu, rss }]) => [
        name,
        seconds(wall),
        seconds(cpu),
        mib(rss),
        ratio(cpu / costs[BASE].cpu),
      ]),
    ),
    goals: [
      ["CPU of ISA-L, against zlib called", costs["ISA-L, called"].cpu / costs[BASE].cpu, 0.85],
      ["CPU of ISA-L, against igzip", costs["ISA-L, called"].cpu / costs["igzip -dc"].cpu, 1.25],
    ],
  };
}
