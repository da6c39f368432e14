// Where the time of one pull of image big goes: node --cpu-prof on the built command, against Debian's
// registry, to a fresh folder in memory: node bench/profile-pull.mjs
import { rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { imageBig } from "./images.mjs";
import { temporary } from "./measure.mjs";
import { registryWith } from "./peers.mjs";
import { printProfile } from "./profile.mjs";

const cache = process.env.LADING_BENCH_CACHE ?? join(homedir(), ".cache", "lading-bench");

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
  await printProfile({
    registry,
    kinds: KINDS,
    thread: "main",
    arguments_: (memory) => [
      "pull",
      "-q",
      "--root",
      `${memory}/store`,
      `${registry.address}/bench/big:latest`,
    ],
  });
} finally {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
}
