import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { createRegistry, randomImage } from "../../src/testkit/index.ts";
import { temporaryFolder } from "../temporary.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const dist = resolve(root, process.env.LADING_DIST ?? "dist");

interface Example {
  readonly name: string;
  readonly code: string;
}

async function examplesOf(file: string): Promise<Example[]> {
  const text = await readFile(join(root, file), "utf8");
  const codes = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => code);
  return codes.map((code, index) => ({ name: `${file}, example ${index + 1}`, code }));
}

/** The comments of TypeScript sources hold examples too, each line behind a star. */
async function commentExamplesOf(file: string): Promise<Example[]> {
  const text = await readFile(join(root, file), "utf8");
  const codes = [...text.matchAll(/\* ```ts\n(.*?)\* ```/gs)].map(([, code = ""]) =>
    code.replace(/^\s*\* ?/gm, ""),
  );
  return codes.map((code, index) => ({ name: `${file}, example ${index + 1}`, code }));
}

const examples = [
  ...(await examplesOf("README.md")),
  ...(await examplesOf("docs/library.md")),
  ...(await commentExamplesOf("src/errors.ts")),
  ...(await commentExamplesOf("src/testkit/registry.ts")),
  ...(await commentExamplesOf("src/verbs/open.ts")),
];

describe("the examples of the documentation", () => {
  it("are there", () => {
    expect(examples.length).toBeGreaterThan(8);
  });

  it.each(examples)("run: $name", async ({ code }) => {
    await using registry = await createRegistry();
    registry.content.tag("team/app:1", randomImage(registry.content, { seed: 1 }).descriptor);
    const folder = await temporaryFolder();
    // As in a project that has installed the package.
    await mkdir(join(folder, "node_modules/lading"), { recursive: true });
    await symlink(dist, join(folder, "node_modules/lading/dist"));
    await symlink(join(root, "package.json"), join(folder, "node_modules/lading/package.json"));
    const runnable = code
      .replaceAll(/registry\.example(?:\/app:1\.2)?/g, (name) =>
        name === "registry.example" ? registry.address : `${registry.address}/team/app:none`,
      )
      .replaceAll("docker.io/library/alpine:3.20", `${registry.address}/team/app:1`)
      .replaceAll(
        /"\/(?:var\/lib\/sandbox\/images|tmp\/store)"/g,
        JSON.stringify(join(folder, "store")),
      )
      .replaceAll(/^await using (\w+) = (.*)$/gm, "const $1 = $2; closing.push($1);");
    const script = `const closing = [];\n${runnable}\nfor (const one of closing.reverse()) await one.close();\n`;
    await writeFile(join(folder, "example.mjs"), script);
    const env = { PATH: process.env.PATH, HOME: folder };
    const { stdout } = await run(process.execPath, ["example.mjs"], { cwd: folder, env });
    const promised = [...code.matchAll(/console\.log\(.*\/\/ (\w[\w-]*)/g)].map(([, word]) => word);
    for (const word of promised) expect(stdout).toContain(word);
  });
});
