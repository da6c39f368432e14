// Runs commands in turn and takes the medians of what they cost.
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

export async function sh(script) {
  const { stdout } = await execute("bash", ["-euo", "pipefail", "-c", script], {
    maxBuffer: 1 << 26,
  });
  return stdout;
}

/** A memory file system, and a fresh folder there for each run. */
export const MEMORY = "/dev/shm";

/** One run of a command in a fresh folder of its own: seconds of wall and CPU, MB of memory. */
async function runOnce({ command, prepare, after, extraCpu = async () => 0 }) {
  const folder = await mkdtemp(join(MEMORY, "lading-bench-"));
  const report = join(folder, "cost");
  try {
    await prepare?.(folder);
    const before = await extraCpu();
    const timed = ["-o", report, "-f", "%U %S %M", ...command(folder)];
    const started = performance.now();
    const { code, stderr } = await ended(
      spawn("/usr/bin/time", timed, { stdio: ["ignore", "ignore", "pipe"] }),
    );
    const wall = (performance.now() - started) / 1000;
    if (code !== 0) throw new Error(`${timed.slice(4).join(" ")} failed: ${stderr}`);
    const [user, system, kilobytes] = (await readFile(report, "utf8"))
      .trim()
      .split(" ")
      .map(Number);
    return { wall, cpu: user + system + (await extraCpu()) - before, rss: kilobytes / 1024 };
  } finally {
    await after?.(folder);
    // A million files take Node's own rm minutes.
    await execute("rm", ["-rf", folder]);
  }
}

async function ended(child) {
  let stderr = "";
  child.stderr.on("data", (bytes) => (stderr += bytes));
  const code = await new Promise((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  return { code, stderr };
}

/** Runs all contestants once in each round, in an order that turns, and returns the medians by name. */
export async function alternate(contestants, rounds) {
  const names = Object.keys(contestants);
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (let at = 0; at < names.length; at += 1) {
      const name = names[(at + Math.max(round, 0)) % names.length];
      const run = await runOnce(contestants[name]);
      // The first round warms caches and does not count.
      if (round >= 0) runs[name].push(run);
    }
    process.stderr.write(round < 0 ? "  warm" : ` ${round + 1}`);
  }
  process.stderr.write("\n");
  return Object.fromEntries(names.map((name) => [name, medians(runs[name])]));
}

function medians(runs) {
  return Object.fromEntries(
    ["wall", "cpu", "rss"].map((key) => [key, median(runs.map((run) => run[key]))]),
  );
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Seconds of CPU that a process, a daemon, has used so far. */
export async function cpuOf(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export async function temporary() {
  return mkdtemp(join(tmpdir(), "lading-bench-"));
}
