// Measures, and writes BENCHMARKS.md: npm run bench -- [NAME…] [--rounds N]
import { readFile, writeFile } from "node:fs/promises";
import { cpus, homedir, release, totalmem } from "node:os";
import { join } from "node:path";
import { access } from "../bench/access.mjs";
import { host } from "../bench/host.mjs";
import { http2 } from "../bench/http2.mjs";
import { inflate } from "../bench/inflate.mjs";
import { latency } from "../bench/latency.mjs";
import { sh } from "../bench/measure.mjs";
import { pull, start } from "../bench/pull.mjs";
import { ranges } from "../bench/ranges.mjs";
import { section } from "../bench/report.mjs";
import { disks, flat, scale, unpack } from "../bench/unpack.mjs";
import { run } from "./run.mjs";

const BENCHES = {
  pull,
  start,
  host,
  ranges,
  latency,
  access,
  http2,
  unpack,
  flat,
  disks,
  scale,
  inflate,
};
const words = process.argv.slice(2);
const at = words.indexOf("--rounds");
const rounds = at < 0 ? 7 : Number(words[at + 1]);
const asked = words.filter(
  (word, index) => !word.startsWith("--") && index !== at + 1 + (at < 0 ? words.length : 0),
);
const names = asked.length === 0 ? Object.keys(BENCHES) : asked;
const unknown = names.filter((name) => !(name in BENCHES));
if (unknown.length > 0 || !(rounds > 0)) {
  console.log(
    `usage: npm run bench -- [NAME…] [--rounds N]\nnames: ${Object.keys(BENCHES).join(", ")}`,
  );
  process.exit(2);
}
const PROGRAMS = {
  "docker-registry": "docker-registry",
  skopeo: "skopeo",
  ctr: "containerd",
  "dpkg-deb": "dpkg",
  time: "time",
  podman: "podman",
  buildah: "buildah",
  umoci: "umoci",
  igzip: "isal",
  zstd: "zstd",
  curl: "curl",
  "mkfs.xfs": "xfsprogs",
};
for (const program of Object.keys(PROGRAMS)) {
  await sh(`command -v ${program}`).catch(() => {
    console.log(`${program} is missing: apt-get install ${Object.values(PROGRAMS).join(" ")}`);
    process.exit(1);
  });
}
if ((await run(process.execPath, ["scripts/build.mjs"])) !== 0) process.exit(1);

const cache = process.env.LADING_BENCH_CACHE ?? join(homedir(), ".cache", "lading-bench");
const sections = parse(await readFile("BENCHMARKS.md", "utf8").catch(() => ""));
for (const name of names) {
  console.error(`${name}:`);
  const text = section(name, await BENCHES[name]({ cache, rounds }), rounds);
  console.log(`${text}\n`);
  sections.set(name, text);
}
const order = Object.keys(BENCHES).filter((name) => sections.has(name));
await writeFile(
  "BENCHMARKS.md",
  `${[await preamble(), ...order.map((name) => sections.get(name))].join("\n\n")}\n`,
);

/** The sections that are there, so that one can be measured without the others. */
function parse(text) {
  const found = text
    .split(/^(?=## )/m)
    .slice(1)
    .map((part) => part.trim());
  return new Map(found.map((part) => [/npm run bench -- ([a-z0-9]+)/.exec(part)?.[1], part]));
}

async function preamble() {
  const debian = (await readFile("/etc/debian_version", "utf8")).trim();
  const version = async (name) => (await sh(`dpkg-query -W -f '\${Version}' ${name}`)).trim();
  const [model] = cpus();
  const tools = await Promise.all(
    ["skopeo", "containerd", "docker-registry", "podman", "buildah", "umoci", "isal"].map(
      async (name) => `${name} ${await version(name)}`,
    ),
  );
  return `# Benchmarks

Ratios of medians from runs that alternate: machines drift, so a figure of one day is not comparable with
one of another. Written by \`npm run bench\`; each section names its command.

${cpus().length} × ${model?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Debian ${debian}, Linux ${release()}, Node ${process.versions.node}; ${tools.join(", ")}.`;
}
