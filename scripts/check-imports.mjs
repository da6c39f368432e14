// A folder imports only from those above it, no two files import each other in a circle, and no
// folder or file grows past what one sees at a glance.
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";

/** From the ground up; `docs/architecture.md` draws it. */
const ORDER = [
  "errors.ts clock.ts",
  "oci",
  "tar",
  "disk",
  "content",
  "registry",
  "store",
  "archive",
  "layer",
  "rootfs",
  "server",
  "testkit",
  "verbs",
  "index.ts",
  "cli",
].map((names) => names.split(" "));

/** The store knows no registries, and what serves or reads knows no client. */
const FORBIDDEN = [
  ["store", "registry"],
  ["layer", "registry"],
];

const LONGEST_FILE = 350;
const FULLEST_FOLDER = 14;

const src = resolve("src");
const files = (await readdir(src, { recursive: true })).filter((name) => name.endsWith(".ts"));
const problems = [];
const graph = new Map();

for (const file of files) {
  const text = await readFile(join(src, file), "utf8");
  const lines = text.split("\n").length - 1;
  if (lines > LONGEST_FILE) problems.push(`${file} has ${lines} lines: two ideas in one room?`);
  const imports = [
    ...text.matchAll(/(import|export)\b([^"';]*?)from\s+"(\.[^"]+)"|import\("(\.[^"]+)"\)/g),
  ].map(([whole, , , from, dynamic]) => ({
    target: relative(src, resolve(src, dirname(file), from ?? dynamic)),
    atRun: !/^(import|export) type\b/.test(whole),
    deferred: dynamic !== undefined,
  }));
  graph.set(
    file,
    imports.filter(({ atRun, deferred }) => atRun && !deferred).map(({ target }) => target),
  );
  for (const { target } of imports) checkDirection(file, target);
}

function levelOf(file) {
  const [top] = file.split("/");
  return ORDER.findIndex((names) => names.includes(top));
}

function checkDirection(file, target) {
  const [from, to] = [levelOf(file), levelOf(target)];
  if (from < 0) problems.push(`${file} is in no folder that the architecture knows`);
  else if (to > from) problems.push(`${file} imports ${target}, which stands below it`);
  const [fromTop, toTop] = [file.split("/")[0], target.split("/")[0]];
  if (FORBIDDEN.some(([a, b]) => a === fromTop && b === toTop)) {
    problems.push(`${file} imports ${target}: ${fromTop} knows nothing of ${toTop}`);
  }
}

const state = new Map();
function visit(file, path) {
  if (state.get(file) === "done") return;
  if (state.get(file) === "open") {
    problems.push(`a circle: ${[...path.slice(path.indexOf(file)), file].join(" → ")}`);
    return;
  }
  state.set(file, "open");
  for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
  state.set(file, "done");
}
for (const file of files) visit(file, []);

const folders = Map.groupBy ? Map.groupBy(files, dirname) : groupBy(files, dirname);
for (const [folder, members] of folders) {
  if (members.length > FULLEST_FOLDER && folder !== ".") {
    problems.push(`src/${folder} has ${members.length} files: is it still seen at a glance?`);
  }
}

function groupBy(list, key) {
  const groups = new Map();
  for (const one of list) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return groups;
}

console.log(problems.join("\n") || `${files.length} files, each in its place`);
process.exitCode = problems.length > 0 ? 1 : 0;
