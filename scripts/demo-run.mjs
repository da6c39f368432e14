// Starts what a bundle holds, by the best means that this machine has.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** How the image's command was started, and what it printed; the first way that works. */
export async function runBundle(bundle) {
  const spec = JSON.parse(await readFile(join(bundle, "config.json"), "utf8"));
  const failed = [];
  for (const { how, command } of await ways(bundle, spec)) {
    const { code, stdout, stderr } = await run(command, spec.process.env);
    if (code === 0) return { how, output: stdout };
    failed.push(`${how}: ${stderr.trim().split("\n").at(-1)}`);
  }
  throw new Error(`the image could not be started\n${failed.join("\n")}`);
}

async function ways(bundle, { process: { args, cwd } }) {
  const rootfs = join(bundle, "rootfs");
  const runtime = ["--root", join(bundle, "state"), "run", "--bundle", bundle];
  const unshared = ["-Ur", `--root=${rootfs}`, `--wd=${cwd}`, ...args];
  const sandbox = ["--bind", rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--chdir", cwd];
  return [
    { how: "runc", command: ["runc", ...runtime, `lading-demo-${randomUUID()}`] },
    { how: "a user namespace (bwrap)", command: ["bwrap", ...sandbox, ...args] },
    { how: "a user namespace (unshare)", command: ["unshare", ...unshared] },
    { how: "its own dynamic loader", command: await loaderCommand(rootfs, args, cwd) },
  ].filter(({ command }) => command !== undefined);
}

/** Its program with its libraries, though not below its root: for machines that allow nothing else. */
async function loaderCommand(rootfs, [program, ...args], cwd) {
  const files = await readdir(rootfs, { recursive: true });
  const loader = files.find((file) => /(^|\/)ld-[^/]+\.so(\.\d+)?$/.test(file));
  const libraries = files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => folderOf(file));
  if (loader === undefined) return undefined;
  const path = [...new Set(libraries)].map((folder) => join(rootfs, folder)).join(":");
  const inside = args.map((arg) => (arg.startsWith("/") ? join(rootfs, arg) : arg));
  const words = ["--library-path", path, join(rootfs, program), ...inside];
  return ["env", "-C", join(rootfs, cwd), join(rootfs, loader), ...words];
}

function folderOf(file) {
  return file.slice(0, Math.max(0, file.lastIndexOf("/")));
}

function run([program, ...args], variables) {
  const own = Object.fromEntries(variables.map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
  const child = spawn(program, args, {
    env: { ...own, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (bytes) => (stdout += bytes));
  child.stderr?.on("data", (bytes) => (stderr += bytes));
  return new Promise((resolve) => {
    child.on("error", ({ message }) => resolve({ code: 1, stdout, stderr: message }));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
