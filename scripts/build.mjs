// Compiles src/ to dist/: what is published, and what the tests run.
import { chmod, rm } from "node:fs/promises";
import { bin, run } from "./run.mjs";

const dist = process.env.LADING_DIST ?? "dist";
await rm(dist, { recursive: true, force: true });
const code = await run(bin("tsc"), ["-p", "tsconfig.build.json", "--outDir", dist]);
if (code === 0) await chmod(`${dist}/cli/bin.js`, 0o755);
process.exitCode = code;
