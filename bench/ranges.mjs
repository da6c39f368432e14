// One large layer in ranges side by side: behind a server that limits each connection, and on loopback.
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { imageLarge } from "./images.mjs";
import { alternate, temporary } from "./measure.mjs";
import { registryWith } from "./peers.mjs";
import { mib, ratio, seconds, table } from "./report.mjs";
import { tcpProxy } from "./tcp-proxy.mjs";

const RATE = 20e6;

export async function ranges({ rounds }) {
  const folder = await temporary();
  const layout = await imageLarge(join(folder, "large"), 512 * 2 ** 20);
  const registry = await registryWith(folder, { large: layout });
  const port = Number(registry.address.split(":")[1]);
  const proxy = await tcpProxy(port, { pass: (from, to) => void paced(from, to, RATE) });
  const once = resolve("bench/pull-once.mjs");
  const contestants = (address) => ({
    "lading, ranges": {
      command: (to) => [process.execPath, once, join(to, "store"), `${address}/bench/large`],
    },
    "lading, one stream": {
      command: (to) => [
        process.execPath,
        once,
        join(to, "store"),
        `${address}/bench/large`,
        "--one-stream",
      ],
    },
    skopeo: {
      command: (to) => [
        "skopeo",
        "--insecure-policy",
        "copy",
        "-q",
        "--src-tls-verify=false",
        `docker://${address}/bench/large:latest`,
        `oci:${to}/oci:x`,
      ],
    },
  });
  try {
    const limitedCosts = await alternate(contestants(proxy.address), Math.min(rounds, 3));
    const freeCosts = await alternate(contestants(registry.address), rounds);
    const rows = (where, costs) =>
      Object.entries(costs).map(([name, { wall, cpu, rss }]) => [
        where,
        name,
        seconds(wall),
        seconds(cpu),
        mib(rss),
        ratio(wall / costs["lading, one stream"].wall),
      ]);
    return {
      title: "One large layer, in ranges",
      text: `A layer of 512 MiB, incompressible, through a proxy that gives each connection ${RATE / 1e6} MB/s, and straight from Debian's registry on loopback.`,
      table: table(
        ["server", "", "wall s", "CPU s", "RSS MiB", "wall ÷ one stream"],
        [...rows("limited", limitedCosts), ...rows("loopback", freeCosts)],
      ),
      goals: [
        [
          "wall on loopback, against one stream",
          freeCosts["lading, ranges"].wall / freeCosts["lading, one stream"].wall,
          1.1,
        ],
      ],
    };
  } finally {
    await proxy.close();
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** At most so many bytes a second. */
async function paced(from, to, rate) {
  let due = performance.now();
  try {
    for await (const bytes of from) {
      due = Math.max(due, performance.now() - 20) + (bytes.length / rate) * 1000;
      if (!to.write(bytes)) await once(to, "drain");
      const wait = due - performance.now();
      if (wait > 1) await sleep(wait);
    }
    to.end();
  } catch {
    to.destroy();
  }
}
