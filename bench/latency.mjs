// Ranges side by side, and small images, over distances.
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { imageLarge, imageOf } from "./images.mjs";
import { alternate, temporary } from "./measure.mjs";
import { registryWith } from "./peers.mjs";
import { ratio, seconds, table } from "./report.mjs";
import { distant, tcpProxy } from "./tcp-proxy.mjs";

const LADING = resolve("dist/bin/lading.js");
const ROUND_TRIPS = [5, 20, 100];
const WINDOW = 2 ** 20;

export async function latency({ rounds: asked }) {
  const rounds = Math.min(asked, 3);
  const folder = await temporary();
  const large = await imageLarge(join(folder, "large"), 128 * 2 ** 20);
  const many = await imageOf(join(folder, "many"), { layers: 20, files: 20 });
  const registry = await registryWith(folder, { large, many });
  const port = Number(registry.address.split(":")[1]);
  const once = resolve("bench/pull-once.mjs");
  const lading = (image, ...flags) => ({
    command: (to) => [process.execPath, once, join(to, "store"), image, ...flags],
  });
  const command = (image) => ({
    command: (to) => [process.execPath, LADING, "pull", "-q", "--root", join(to, "store"), image],
  });
  const skopeo = (image) => ({
    command: (to) => [
      ...["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false"],
      ...[`docker://${image}:latest`, `oci:${to}/oci:x`],
    ],
  });
  const rows = [];
  const goals = [];
  try {
    for (const ms of ROUND_TRIPS) {
      const proxy = await tcpProxy(port, { ask: distant(ms), pass: distant(ms, WINDOW) });
      const at = `${proxy.address}/bench`;
      const costs = await alternate(
        {
          "128 MiB, ranges": lading(`${at}/large`),
          "128 MiB, one stream": lading(`${at}/large`, "--one-stream"),
          "128 MiB, skopeo": skopeo(`${at}/large`),
          "20 small layers, lading": command(`${at}/many`),
          "20 small layers, skopeo": skopeo(`${at}/many`),
        },
        rounds,
      );
      await proxy.close();
      for (const [name, { wall }] of Object.entries(costs)) {
        const [what] = name.split(",");
        const peer = costs[`${what}, skopeo`].wall;
        rows.push([`${ms} ms`, name, seconds(wall), ratio(wall / peer)]);
      }
      const gain = costs["128 MiB, one stream"].wall / costs["128 MiB, ranges"].wall;
      goals.push([
        `${ms} ms: ranges, times faster than one stream`,
        gain,
        ms === 5 ? 1 : 2,
        "at least",
      ]);
    }
  } finally {
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return {
    title: "Distances",
    text: `Through a TCP proxy on loopback that delays (round trip of 5, 20 and 100 ms) and lets ${WINDOW / 2 ** 20} MiB of a connection be on its way, from Debian's registry in http: a layer of 128 MiB, incompressible, and an image of 20 layers of a few kilobytes, by the command, which begins by finding out that the registry speaks no TLS.`,
    table: table(["round trip", "", "wall s", "wall ÷ skopeo"], rows),
    goals,
    rounds,
  };
}
