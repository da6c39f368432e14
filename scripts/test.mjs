// Builds, runs the tests, and closes with one line: N passed, N failed.
// Arguments are passed on to vitest: npm test -- test/oci
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { bin, run } from "./run.mjs";

const built =
  process.env.LADING_BUILT === "1" || (await run(process.execPath, ["scripts/build.mjs"])) === 0;
if (!built) {
  console.log("the build failed\n0 passed, 1 failed");
  process.exit(1);
}
const folder = await mkdtemp(join(tmpdir(), "lading-report-"));
const report = join(folder, "report.json");
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
const vitest = bin("vitest");
const code = await run(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)]);
const result = await readFile(report, "utf8").then(JSON.parse, () => undefined);
await rm(folder, { recursive: true, force: true });
const passed = result?.numPassedTests ?? 0;
const skipped = (result?.numPendingTests ?? 0) + (result?.numTodoTests ?? 0);
// Once more at the end, where one looks first.
for (const { name, message, status, assertionResults } of result?.testResults ?? []) {
  const file = relative(process.cwd(), name);
  if (status === "failed" && assertionResults.length === 0) {
    console.log(`failed: ${file}\n${message}`);
  }
  for (const test of assertionResults.filter((each) => each.status === "failed")) {
    const told = test.failureMessages.join("\n").split("\n");
    const own = told.filter((line) => !line.includes("node_modules"));
    console.log([`failed: ${file} > ${test.fullName}`, ...own].join("\n"));
  }
}
// A file that fails to load fails no test of its own, and yet nothing in it was tested.
const unloaded = (result?.testResults ?? []).filter(
  ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
).length;
const failed = (result?.numFailedTests ?? 0) + unloaded || (code === 0 ? 0 : 1);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 || code !== 0 ? 1 : 0;
