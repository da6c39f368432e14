// Pulling image big from Debian's registry, to a fresh folder in memory: lading, skopeo, containerd.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { imageBig } from "./images.mjs";
import { alternate, cpuOf, MEMORY, sh, temporary } from "./measure.mjs";
import { containerd, registryWith } from "./peers.mjs";
import { mib, ratio, seconds, table } from "./report.mjs";

const LADING = resolve("dist/bin/lading.js");

export async function pull({ cache, rounds }) {
  const layout = await imageBig(cache);
  const folder = await temporary();
  const memory = await mkdtemp(join(MEMORY, "lading-bench-"));
  const registry = await registryWith(folder, { big: layout });
  const daemon = await containerd(folder, memory);
  const image = `${registry.address}/bench/big:latest`;
  try {
    const costs = await alternate(
      {
        lading: {
          command: (to) => [
            process.execPath,
            LADING,
            "pull",
            "-q",
            "--root",
            join(to, "store"),
            image,
          ],
        },
        skopeo: {
          command: (to) => [
            "skopeo",
            "--insecure-policy",
            "copy",
            "-q",
            "--src-tls-verify=false",
            `docker://${image}`,
            `oci:${to}/oci:big`,
          ],
        },
        ctr: {
          prepare: () => emptied(daemon.address, image),
          command: () => ["ctr", "-a", daemon.address, "content", "fetch", "--plain-http", image],
          extraCpu: () => cpuOf(daemon.pid),
        },
        "lading, on ext4 or what the temporary folder is": {
          prepare: () => rm(join(folder, "store"), { recursive: true, force: true }),
          command: () => [
            process.execPath,
            LADING,
            "pull",
            "-q",
            "--root",
            join(folder, "store"),
            image,
          ],
        },
      },
      rounds,
    );
    const size = Number(await sh(`du -bc ${layout}/blobs/sha256/* | tail -n 1 | cut -f1`));
    return {
      title: "Pull: image big",
      text: `${(size / 1e6).toFixed(0)} MB in 8 gzip layers, made out of Debian packages (\`bench/images.mjs\`), from Debian's \`docker-registry\` on loopback to a fresh folder in memory. The CPU of \`ctr\` counts its daemon's. Where the time goes: [docs/profile-pull.md](docs/profile-pull.md).`,
      table: table(
        ["", "wall s", "CPU s", "RSS MiB", "wall, lading ÷ it"],
        Object.entries(costs).map(([name, { wall, cpu, rss }]) => [
          name,
          seconds(wall),
          seconds(cpu),
          mib(rss),
          name.startsWith("lading") ? "" : ratio(costs.lading.wall / wall),
        ]),
      ),
      goals: [
        ["wall, against skopeo", costs.lading.wall / costs.skopeo.wall, 1.15],
        ["wall, against ctr", costs.lading.wall / costs.ctr.wall, 0.6],
        ["RSS, MiB", costs.lading.rss, 150],
      ],
    };
  } finally {
    await daemon.stop();
    await registry.stop();
    await rm(memory, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

/** Takes what containerd has fetched away again, so that it fetches the whole each time. */
async function emptied(address, image) {
  await sh(`ctr -a ${address} images rm --sync ${image} 2>/dev/null || true
    ctr -a ${address} content ls -q | xargs -r ctr -a ${address} content rm >/dev/null`);
}

/** What is there already, and what starting costs, against an empty Node. */
export async function start({ rounds }) {
  const folder = await temporary();
  const { createRegistry, randomImage } = await import(resolve("dist/testkit/index.js"));
  const registry = await createRegistry();
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  const image = `${registry.address}/app:1`;
  const root = join(folder, "store");
  try {
    await mkdir(root);
    await sh(`${process.execPath} ${LADING} pull -q --root ${root} ${image}`);
    const pull = [process.execPath, LADING, "pull", "-q", "--root", root, image];
    const costs = await alternate(
      {
        "node -e 0": { command: () => [process.execPath, "-e", "0"] },
        "lading --version": { command: () => [process.execPath, LADING, "--version"] },
        "lading pull, nothing to do": { command: () => pull },
        "lading pull --policy missing": { command: () => [...pull, "--policy", "missing"] },
      },
      rounds * 6,
    );
    const node = costs["node -e 0"].wall;
    return {
      title: "Start",
      text: "The whole process, against a Node that does nothing. The registry is lading's own, in another process.",
      table: table(
        ["", "wall ms", "CPU ms", "RSS MiB", "wall ÷ node -e 0"],
        Object.entries(costs).map(([name, { wall, cpu, rss }]) => [
          name,
          (wall * 1000).toFixed(0),
          (cpu * 1000).toFixed(0),
          mib(rss),
          ratio(wall / node),
        ]),
      ),
      goals: [
        ["`--version`, against `node -e 0`", costs["lading --version"].wall / node, 1.3],
        [
          "a pull with nothing to do, likewise",
          costs["lading pull, nothing to do"].wall / node,
          2.2,
        ],
      ],
    };
  } finally {
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  }
}
