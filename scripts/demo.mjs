// The main job on real input, with nothing installed and no network: make an image, serve it behind
// a token server, pull it, kill the pull half-way, resume, pull again, look at it, verify it, unpack it,
// make a bundle of it, and start that.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import { run } from "./run.mjs";

if ((await run(process.execPath, ["scripts/build.mjs"])) !== 0) process.exit(1);
const { MadeContent } = await import("../dist/testkit/index.js");
const { serve } = await import("../dist/server/index.js");
const { makeDemoImage } = await import("./demo-image.mjs");
const { runBundle } = await import("./demo-run.mjs");

const USER = { name: "demo", password: "a secret" };
const MB = 1_000_000;
const SLOW = 30 * MB;

const color = (style, text) => (process.stdout.isTTY ? styleText(style, text) : text);
const folder = await mkdtemp(join(tmpdir(), "lading-demo-"));
let server;

try {
  await demo();
} catch (error) {
  console.error(color("red", `\nthe demo failed: ${error.message}`));
  process.exitCode = 1;
} finally {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
}
console.log(process.exitCode ? "" : "\nNothing is left behind.");

async function demo() {
  const content = new MadeContent();
  const made = await step("make an image out of this machine's Node and npm", () => {
    const { image, index, platform } = makeDemoImage(content);
    const bytes = image.layers.reduce((sum, { size }) => sum + size, 0);
    say(`${image.layers.length} layers, ${mb(bytes)}, ${platform.os}/${platform.architecture}`);
    for (const { mediaType, size } of image.layers) say(`${mb(size).padStart(9)}  ${mediaType}`);
    return { image, index, bytes };
  });

  const throttle = { bytesPerSecond: SLOW };
  let requests = 0;
  server = await serve(throttled(content, throttle), {
    auth: { kind: "bearer", users: { [USER.name]: USER.password } },
    onRequest: () => (requests += 1),
  });
  const reference = `${server.address}/demo/node:latest`;
  const auth = Buffer.from(`${USER.name}:${USER.password}`).toString("base64");
  await writeFile(
    join(folder, "config.json"),
    JSON.stringify({ auths: { [server.address]: { auth } } }),
  );
  console.log(`\nA registry behind bearer tokens serves it as ${color("bold", reference)}`);

  const killed = await step(
    `pull it at ${mb(SLOW)}/s, and kill the pull half-way (SIGKILL)`,
    async () => {
      const half = await lading(["pull", reference, "--progress", "json"], {
        kill: (line) => line.type === "bytes" && line.offset > line.size / 2 && line.size > 10 * MB,
      });
      check(half.killed, "the pull ended before it could be killed");
      say(`killed with ${mb(half.progress)} of the largest layer there`);
      return half;
    },
  );

  throttle.bytesPerSecond = Number.POSITIVE_INFINITY;
  requests = 0;
  await step("pull again: it goes on where the other was killed", async () => {
    const { json } = await lading(["pull", reference, "--json"]);
    check(json.digest === made.index.digest, "it resolved to another digest");
    check(json.transferred < made.bytes, "nothing was resumed");
    say(`${mb(json.transferred)} of ${mb(made.bytes)} came over the wire, ${requests} requests`);
    say(`${json.reference}@${json.digest}`);
    return killed;
  });

  requests = 0;
  await step("pull once more: nothing to do", async () => {
    const { json } = await lading(["pull", reference, "--json"]);
    check(json.upToDate && json.transferred === 0, "something was transferred again");
    say(
      `${requests} requests (a challenge, a token, and the one that asks whether the tag moved), 0 bytes`,
    );
  });

  await step("list and inspect", async () => {
    indent((await lading(["images"])).stdout);
    indent((await lading(["inspect", reference])).stdout);
  });

  await step("verify the store", async () => indent((await lading(["store", "verify"])).stdout));

  await step(
    "unpack it: every layer checked against its diff ID, in one step at its place",
    async () => {
      const { document } = await lading(["unpack", "--json", reference, join(folder, "rootfs")]);
      const { layers, entries, written, ms } = document;
      check(document.transferred === 0, "what was in the store was fetched again");
      say(`${entries} entries of ${layers} layers, ${mb(written)} in ${(ms / 1000).toFixed(2)} s`);
    },
  );

  const bundle = join(folder, "bundle");
  await step("make a bundle, as OCI runtimes start them", async () => {
    const rootless = process.getuid() === 0 ? [] : ["--rootless"];
    await lading(["bundle", ...rootless, reference, bundle]);
    const { process: started } = JSON.parse(await readFile(join(bundle, "config.json"), "utf8"));
    say(`rootfs and a config.json that runs: ${started.args.join(" ")}`);
  });

  await step("start it", async () => {
    const { how, output } = await runBundle(bundle);
    check(output.includes(process.version), `it said something else: ${output}`);
    say(`by ${how}, it says:`);
    indent(color("green", output));
  });
}

async function step(title, work) {
  const started = performance.now();
  console.log(`\n${color("cyan", "▸")} ${color("bold", title)}`);
  const result = await work();
  say(color("dim", `${((performance.now() - started) / 1000).toFixed(2)} s`));
  return result;
}

/** Runs the command line as a user would; `kill` says at which line of progress it is shot. */
function lading(args, { kill } = {}) {
  const env = {
    ...process.env,
    LADING_ROOT: join(folder, "store"),
    DOCKER_CONFIG: folder,
    NO_COLOR: "1",
  };
  const child = spawn(process.execPath, ["dist/bin/lading.js", ...args], { env });
  let stdout = "";
  let stderr = "";
  let progress = 0;
  let killed = false;
  child.stdout.on("data", (bytes) => (stdout += bytes));
  child.stderr.on("data", (bytes) => {
    stderr += bytes;
    if (kill === undefined || killed) return;
    for (const text of String(bytes).split("\n")) {
      const line = parsed(text);
      if (line === undefined || !kill(line) || killed) continue;
      progress = line.offset;
      killed = child.kill("SIGKILL");
    }
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code !== 0 && !killed)
        reject(new Error(`lading ${args[0]} ended with ${code}\n${stderr}`));
      else {
        const document = parsed(stdout);
        resolve({ stdout, killed, progress, document, json: document?.pulled?.[0] });
      }
    });
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The content at the pace of a network, so that there is a half-way. */
function throttled(content, pace) {
  return {
    manifest: (...args) => content.manifest(...args),
    blob: (...args) => content.blob(...args),
    tags: (...args) => content.tags(...args),
    async open(descriptor, range) {
      const opened = await content.open(descriptor, range);
      const read = (sink) =>
        opened.read(async (bytes) => {
          await sink(bytes);
          const ms = (bytes.length / pace.bytesPerSecond) * 1000;
          if (ms > 0.5) await new Promise((resolve) => setTimeout(resolve, ms));
        });
      return { ...opened, read };
    },
  };
}

function check(condition, problem) {
  if (!condition) throw new Error(problem);
}

function say(text) {
  console.log(`  ${text}`);
}

function indent(text) {
  for (const line of text.trimEnd().split("\n")) say(line);
}

function mb(bytes) {
  return `${(bytes / MB).toFixed(1)} MB`;
}
