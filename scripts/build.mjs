// Compiles src/ to dist/: what is published, and what the tests run. The command is bundled as well:
// Node 20 takes half a millisecond for each module that it loads, and a pull needs a hundred.
import { chmod, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";
import { bin, run } from "./run.mjs";

const dist = resolve(process.env.LADING_DIST ?? "dist");
await rm(dist, { recursive: true, force: true });
const code = await run(bin("tsc"), ["-p", "tsconfig.build.json", "--outDir", dist]);
if (code === 0) await bundle();
process.exitCode = code;

async function bundle() {
  const bundled = await rolldown({
    input: {
      lading: join(dist, "cli/bin.js"),
      "hash-worker": join(dist, "store/verify/hash-worker.js"),
      "layer-worker": join(dist, "layer/worker/layer-worker.js"),
    },
    platform: "node",
    external: [
      "@photostructure/sqlite",
      "koffi",
      "@cloudpss/zstd",
      "@cloudpss/zstd/napi",
      "@opentelemetry/api",
    ],
    logLevel: "silent",
  });
  // What two commands share is one chunk: fewer files to load weigh more than fewer bytes.
  const codeSplitting = { groups: [{ name: "shared", minShareCount: 2 }] };
  await bundled.write({ dir: join(dist, "bin"), codeSplitting });
  await bundled.close();
  await chmod(join(dist, "bin/lading.js"), 0o755);
}
