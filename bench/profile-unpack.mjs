// Where the threads that unpack image big spend their time: node bench/profile-unpack.mjs
import { rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { imageBig } from "./images.mjs";
import { sh, temporary } from "./measure.mjs";
import { registryWith } from "./peers.mjs";
import { printProfile } from "./profile.mjs";

const cache = process.env.LADING_BENCH_CACHE ?? join(homedir(), ".cache", "lading-bench");
const LADING = resolve("dist/bin/lading.js");

const native =
  (...names) =>
  ({ functionName, url }) =>
    url === "" && names.includes(functionName);

/** What a frame of the profile is work for; the first that fits. A native function has no URL. */
const KINDS = [
  ["waiting: for bytes, or for work", native("(idle)", "wait")],
  [
    "inflating (ISA-L, else zlib)",
    ({ functionName, url }) =>
      /^(run|inflate|decode|symbolsOf|checkCodes|crc32)/.test(functionName) || /zlib/.test(url),
  ],
  [
    "hashing the diff ID (SHA-256)",
    ({ functionName, url }) => functionName === "update" && /crypto/.test(url),
  ],
  ["writing file content", native("writeBuffer", "ftruncate")],
  [
    "making names (open, mkdir, symlink, link, close)",
    native("open", "close", "mkdir", "symlink", "link", "openBelow"),
  ],
  [
    "owners, modes, times, attributes",
    native("fchmod", "fchown", "lchown", "chmod", "chown", "futimes", "lutimes"),
  ],
  ["laying layers over each other", native("rename", "lstat", "readdir", "unlink", "rmdir")],
  ["reading blobs", native("read")],
  ["garbage collection", ({ functionName }) => functionName === "(garbage collector)"],
  [
    "starting: Node and modules",
    ({ url }) => /^node:internal\/(modules|bootstrap|main|vm|source_map)/.test(url),
  ],
  ["the rest of Node, and other native code", ({ url }) => url === "" || url.startsWith("node:")],
  ["lading's JavaScript: the tar, paths, records", () => true],
];

const folder = await temporary();
const registry = await registryWith(folder, { big: await imageBig(cache) });
const image = `${registry.address}/bench/big:latest`;
try {
  await printProfile({
    registry,
    kinds: KINDS,
    thread: "workers",
    prepare: (memory) =>
      sh(`${process.execPath} ${LADING} pull -q --root ${memory}/store ${image}`),
    arguments_: (memory) => [
      "unpack",
      "-q",
      "--root",
      `${memory}/store`,
      image,
      `${memory}/rootfs`,
    ],
  });
} finally {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
}
