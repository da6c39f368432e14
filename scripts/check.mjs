// Everything that can be said about the code without running it, in under half a minute.
import { access } from "node:fs/promises";
import { bin, capture } from "./run.mjs";

await access("dist/index.js").catch(() => capture(process.execPath, ["scripts/build.mjs"]));

const checks = [
  ["types", [bin("tsc"), "--noEmit"]],
  [
    "format and lint",
    [bin("biome"), "ci", "--error-on-warnings", "src", "test", "scripts", "bench"],
  ],
  ["unused code", [bin("knip")]],
  ["imports and folders", ["scripts/check-imports.mjs"]],
  ["nothing of this machine", ["scripts/check-leaks.mjs"]],
  ["package shape", [bin("publint"), "--strict"]],
  ["package types", [bin("attw"), "--pack", ".", "--profile", "esm-only"]],
];

let failed = 0;
await Promise.all(
  checks.map(async ([name, args]) => {
    const started = Date.now();
    const native = args[0].endsWith("biome");
    const [command, rest] = native ? [args[0], args.slice(1)] : [process.execPath, args];
    const { code, output } = await capture(command, rest);
    const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(5);
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${seconds} s  ${name}`);
    if (code !== 0) {
      failed += 1;
      console.log(output.trimEnd());
    }
  }),
);
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
