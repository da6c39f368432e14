// From a registry, or the local store, to files: lading against the tools of Debian, and against itself.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { imageBig, imageDebian, imageOf, zstdTwin } from "./images.mjs";
import { alternate, cpuOf, MEMORY, sh, temporary } from "./measure.mjs";
import { containerd, registryWith } from "./peers.mjs";
import { mib, ratio, seconds, table } from "./report.mjs";

const LADING = [process.execPath, resolve("dist/bin/lading.js")];

/** Pull and unpack, everything fresh, everything in memory. */
export async function unpack({ cache, rounds }) {
  const images = { big: await imageBig(cache), debian: await imageDebian(cache) };
  const folder = await temporary();
  const memory = await mkdtemp(join(MEMORY, "lading-bench-"));
  const registry = await registryWith(folder, images);
  const daemon = await containerd(folder, memory);
  try {
    const costs = {};
    for (const name of Object.keys(images)) {
      const image = `${registry.address}/bench/${name}:latest`;
      costs[name] = await alternate(
        {
          lading: lading(image),
          podman: podman("podman", image),
          buildah: podman("buildah", image),
          ctr: {
            prepare: () => emptied(daemon.address, image),
            command: () => ctrPull(daemon, image),
            extraCpu: () => cpuOf(daemon.pid),
          },
          "curl | igzip | tar": {
            command: (to) => ["bash", "-euo", "pipefail", "-c", plainPipes(image, to)],
          },
        },
        rounds,
      );
    }
    const against = (name, peer) => costs[name][peer].wall / costs[name].lading.wall;
    const slowest = (name) =>
      Math.min(...["podman", "buildah", "ctr"].map((peer) => against(name, peer)));
    return {
      title: "Pull and unpack",
      text: "From Debian's `docker-registry` on loopback to files in memory, nothing there before. lading keeps and verifies the blobs, and writes one directory (`lading unpack`); `curl | igzip | tar` unpacks two layers at a time and keeps and verifies nothing. The CPU of `ctr` counts its daemon's.",
      table: table(
        ["image", "", "wall s", "CPU s", "RSS MiB", "wall, it ÷ lading"],
        Object.entries(costs).flatMap(([image, tools]) =>
          Object.entries(tools).map(([name, { wall, cpu, rss }]) => [
            image,
            name,
            seconds(wall),
            seconds(cpu),
            mib(rss),
            name === "lading" ? "" : ratio(wall / tools.lading.wall),
          ]),
        ),
      ),
      goals: [
        ["big, times faster than each daemon or builder", slowest("big"), 5, "at least"],
        ["debian, likewise", slowest("debian"), 2.2, "at least"],
        ["big, wall, against curl | igzip | tar", 1 / against("big", "curl | igzip | tar"), 1.35],
      ],
    };
  } finally {
    await daemon.stop();
    await registry.stop();
    await rm(memory, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the store has, to files. */
export async function flat({ cache, rounds }) {
  const big = await imageBig(cache);
  const images = { big, zstd: await zstdTwin(cache, big) };
  const folder = await temporary();
  const memory = await mkdtemp(join(MEMORY, "lading-bench-"));
  const registry = await registryWith(folder, images);
  const root = join(memory, "store");
  const reference = (name) => `${registry.address}/bench/${name}:latest`;
  const stored = (name, ...args) => [...LADING, ...args, "-q", "--root", root, reference(name)];
  try {
    for (const name of Object.keys(images)) await sh(words(stored(name, "pull")));
    const costs = await alternate(
      {
        "lading unpack": { command: (to) => [...stored("big", "unpack"), join(to, "rootfs")] },
        "lading unpack --overlay": {
          prepare: () => rm(join(root, "layers"), { recursive: true, force: true }),
          command: () => stored("big", "unpack", "--overlay"),
        },
        "lading unpack, layers unpacked before": {
          prepare: () => sh(words(stored("big", "unpack", "--overlay"))),
          command: (to) => [...stored("big", "unpack"), join(to, "rootfs")],
          after: () => rm(join(root, "layers"), { recursive: true, force: true }),
        },
        "lading unpack, zstd": {
          command: (to) => [...stored("zstd", "unpack"), join(to, "rootfs")],
        },
        "umoci unpack": {
          command: (to) => ["umoci", "unpack", "--image", `${big}:latest`, join(to, "bundle")],
        },
      },
      Math.max(5, Math.ceil(rounds / 2)),
    );
    await sh(words(stored("big", "unpack", "--overlay")));
    const nothing = await alternate(
      {
        "node -e 0": { command: () => [process.execPath, "-e", "0"] },
        "lading pull --unpack, nothing to do": {
          command: () => [...stored("big", "pull", "--unpack"), "--policy", "missing"],
        },
      },
      rounds * 4,
    );
    const all = { ...costs, ...nothing };
    const wall = (name) => all[name].wall;
    return {
      title: "Unpack what the store has",
      text: "Image big, in memory. `--overlay` writes each layer into the store's cache, for a stack; the plain form writes one directory.",
      table: costsTable(all),
      goals: [
        [
          "flat, times faster than umoci",
          wall("umoci unpack") / wall("lading unpack"),
          6,
          "at least",
        ],
        [
          "flat, wall, against the overlay form",
          wall("lading unpack") / wall("lading unpack --overlay"),
          1.25,
        ],
        [
          "nothing to do, wall, against node -e 0",
          wall("lading pull --unpack, nothing to do") / wall("node -e 0"),
          2.5,
        ],
      ],
    };
  } finally {
    await registry.stop();
    await rm(memory, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where memory does not hide the disk: ext4 with a journal and xfs, fresh for each run; little memory; one CPU. */
export async function disks({ cache, rounds }) {
  const folder = await temporary();
  const registry = await registryWith(folder, { big: await imageBig(cache) });
  const image = `${registry.address}/bench/big:latest`;
  const places = {
    "ext4 with a journal": { mkfs: "mkfs.ext4 -q -F" },
    xfs: { mkfs: "mkfs.xfs -q -f" },
    "ext4, 512 MB of memory": { mkfs: "mkfs.ext4 -q -F", wrap: limitedMemory },
    "ext4, one CPU": {
      mkfs: "mkfs.ext4 -q -F",
      wrap: (command) => ["taskset", "-c", "0", ...command],
    },
  };
  const rows = [];
  try {
    for (const [place, { mkfs, wrap = (command) => command }] of Object.entries(places)) {
      const disk = join(folder, "disk");
      const onDisk = (contestant) => ({
        prepare: () => freshDisk(folder, disk, mkfs),
        command: () => wrap(contestant.command(disk)),
        after: () => sh(`umount -R ${disk}`),
      });
      const costs = await alternate(
        {
          lading: onDisk(lading(image)),
          "lading --sync": onDisk(lading(image, "--sync")),
          podman: onDisk(podman("podman", image)),
          ctr: ctrOnDisk(folder, disk, image, { mkfs, wrap }),
        },
        Math.min(rounds, 5),
      );
      for (const [name, { wall, cpu, rss }] of Object.entries(costs)) {
        const times = name === "lading" ? "" : ratio(wall / costs.lading.wall);
        rows.push([place, name, seconds(wall), seconds(cpu), mib(rss), times]);
      }
    }
    return {
      title: "Pull and unpack, to disks",
      text: "Image big, to a loop device made anew for each run. podman syncs each layer it applies; lading syncs blobs, and marks unpacked layers as not synced (docs/unpack.md). The CPU of `ctr` counts its daemon's, its memory does not.",
      table: table(["disk", "", "wall s", "CPU s", "RSS MiB", "wall, it ÷ lading"], rows),
      goals: [],
    };
  } finally {
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Against ourselves: threads, layers, files. */
export async function scale({ cache, rounds }) {
  const folder = await temporary();
  const shapes = {
    "1 layer, 100 k files": { layers: 1, files: 100_000 },
    "8 layers, 100 k files": { layers: 8, files: 100_000 },
    "100 layers, 100 k files": { layers: 100, files: 100_000 },
    "8 layers, 1 k files": { layers: 8, files: 1_000 },
    "8 layers, 1 M files": { layers: 8, files: 1_000_000 },
  };
  const images = { "image big": await imageBig(cache) };
  for (const [at, [name, shape]] of Object.entries(shapes).entries()) {
    images[name] = await imageOf(join(folder, `image${at}`), shape);
  }
  const registry = await registryWith(
    folder,
    Object.fromEntries(Object.values(images).map((layout, at) => [`i${at}`, layout])),
  );
  const memory = await mkdtemp(join(MEMORY, "lading-bench-"));
  const root = join(memory, "store");
  const rows = [];
  try {
    for (const [at, name] of Object.keys(images).entries()) {
      const image = `${registry.address}/bench/i${at}:latest`;
      await sh(words([...LADING, "pull", "-q", "--root", root, image]));
      const threads = (count) => ({
        command: (to) => [
          process.execPath,
          "bench/unpack-once.mjs",
          root,
          image,
          join(to, "rootfs"),
          String(count),
        ],
      });
      const costs = await alternate(
        { "1 thread": threads(1), "2 threads": threads(2) },
        Math.min(rounds, 5),
      );
      for (const [count, { wall, cpu, rss }] of Object.entries(costs)) {
        rows.push([name, count, seconds(wall), seconds(cpu), mib(rss)]);
      }
    }
    return {
      title: "Unpack, larger and smaller",
      text: "From the store to one directory, in memory; files of the made images have 2 KB each. Where the time goes: [docs/profile-unpack.md](docs/profile-unpack.md).",
      table: table(["image", "", "wall s", "CPU s", "RSS MiB"], rows),
      goals: [],
    };
  } finally {
    await registry.stop();
    await rm(memory, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

function lading(image, ...options) {
  return {
    command: (to) => [
      ...LADING,
      "unpack",
      "-q",
      ...options,
      "--root",
      join(to, "store"),
      image,
      join(to, "rootfs"),
    ],
  };
}

function podman(program, image) {
  return {
    command: (to) => [
      program,
      ...[
        "--root",
        join(to, "storage"),
        "--runroot",
        join(to, "run"),
        "--storage-driver",
        "overlay",
      ],
      ...["pull", "-q", "--tls-verify=false", image],
    ],
    after: (to) => sh(`umount -l ${join(to, "storage", "overlay")} 2>/dev/null || true`),
  };
}

/** Two layers at a time, in no order, nothing kept and nothing verified: what pipes alone cost. */
function plainPipes(image, to) {
  const [address, name] = image.split("/bench/");
  const url = `http://${address}/v2/bench/${name.split(":")[0]}`;
  const accept = "Accept: application/vnd.oci.image.manifest.v1+json";
  return `mkdir ${to}/rootfs
curl -fsS -H '${accept}' ${url}/manifests/latest | grep -o 'sha256:[0-9a-f]*' | tail -n +2 > ${to}/layers
xargs -P 2 -I{} sh -c 'curl -fsS ${url}/blobs/{} | igzip -dc | tar -xpf - --numeric-owner --overwrite -C ${to}/rootfs 2>/dev/null || true' < ${to}/layers`;
}

function ctrPull({ address }, image) {
  return ["ctr", "-a", address, "images", "pull", "--plain-http", image];
}

/** A daemon for each run, under the same limits; its start does not count. */
function ctrOnDisk(folder, disk, image, { mkfs, wrap }) {
  let daemon;
  return {
    prepare: async () => {
      await freshDisk(folder, disk, mkfs);
      daemon = await containerd(folder, disk, wrap);
    },
    command: () => wrap(ctrPull(daemon, image)),
    extraCpu: () => cpuOf(daemon.pid),
    after: async () => {
      await daemon.stop();
      await sh(`umount -R ${disk}`);
    },
  };
}

async function freshDisk(folder, disk, mkfs) {
  const file = join(folder, "disk.img");
  await mkdir(disk, { recursive: true });
  await sh(
    `rm -f ${file}; truncate -s 8G ${file}; ${mkfs} ${file}; mount -o loop ${file} ${disk}; sync; echo 3 > /proc/sys/vm/drop_caches || true`,
  );
}

/** Both generations of control groups; the page cache that a command fills counts as its memory. */
function limitedMemory(command) {
  const script = `if [ -d /sys/fs/cgroup/memory ]
then group=/sys/fs/cgroup/memory/lading-bench limit=memory.limit_in_bytes
else group=/sys/fs/cgroup/lading-bench limit=memory.max
fi
mkdir -p $group; echo 512M > $group/$limit; echo $$ > $group/cgroup.procs; exec "$@"`;
  return ["sh", "-euc", script, "sh", ...command];
}

async function emptied(address, image) {
  await sh(`ctr -a ${address} images rm --sync ${image} 2>/dev/null || true
    ctr -a ${address} content ls -q | xargs -r ctr -a ${address} content rm >/dev/null
    ctr -a ${address} snapshots ls | awk 'NR>1 {print $1}' | tac | xargs -r -n1 ctr -a ${address} snapshots rm 2>/dev/null || true`);
}

function costsTable(costs) {
  return table(
    ["", "wall s", "CPU s", "RSS MiB"],
    Object.entries(costs).map(([name, { wall, cpu, rss }]) => [
      name,
      seconds(wall),
      seconds(cpu),
      mib(rss),
    ]),
  );
}

function words(command) {
  return command.join(" ");
}
