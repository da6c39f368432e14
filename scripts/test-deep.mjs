// The long proofs: npm run test:deep -- NAME… | all; --small is the tier that CI runs.
import { readdir } from "node:fs/promises";
import { run } from "./run.mjs";

const names = (await readdir("test/deep"))
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => file.slice(0, -".test.ts".length));
const asked = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const small = process.argv.includes("--small");
const unknown = asked.filter((name) => name !== "all" && !names.includes(name));
if (asked.length === 0 || unknown.length > 0) {
  console.log(`usage: npm run test:deep -- NAME… [--small]\nnames: all, ${names.join(", ")}`);
  process.exit(2);
}
const chosen = asked.includes("all") ? names : asked;
const env = {
  ...process.env,
  LADING_TIER: small ? "small" : "full",
  LADING_TESTS: `test/deep/{${[...chosen, "no-such-test"].join(",")}}.test.ts`,
};
// One after another: each measures or loads the machine.
process.exitCode = await run(process.execPath, ["scripts/test.mjs", "--no-file-parallelism"], {
  env,
});
