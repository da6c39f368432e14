// No path of a developer's machine and no host of a package registry gets into the tree.
import { readFile } from "node:fs/promises";
import { capture } from "./run.mjs";

const { output } = await capture("git", ["ls-files"]);
const problems = [];
for (const file of output.split("\n").filter((name) => name !== "")) {
  if (file === "scripts/check-leaks.mjs") continue;
  const text = await readFile(file, "utf8").catch(() => "");
  for (const [index, line] of text.split("\n").entries()) {
    const path = /(?:^|[\s"'`(=:])\/(?:root|home\/[a-z]+|Users\/[A-Za-z]+|work)\//.test(line);
    const registry =
      /"resolved": "https?:|registry\.npmjs|npmjs\.org|deb\.debian\.org|crates\.io/.test(line);
    if (path || registry) problems.push(`${file}:${index + 1}: ${line.trim().slice(0, 120)}`);
  }
}
console.log(problems.join("\n") || "nothing found");
process.exitCode = problems.length > 0 ? 1 : 0;
