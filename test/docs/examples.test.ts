import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { createRegistry, randomImage } from "../../src/testkit/index.ts";
import { cannotMount } from "../rootfs/overlay/mounted.ts";
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
  ...(await examplesOf("docs/credentials.md")),
  ...(await commentExamplesOf("src/errors.ts")),
  ...(await commentExamplesOf("src/testkit/registry.ts")),
  ...(await commentExamplesOf("src/verbs/once.ts")),
  ...(await commentExamplesOf("src/verbs/open.ts")),
];

/** A folder as in a project that has installed the package. */
async function project(): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "node_modules/lading"), { recursive: true });
  await symlink(dist, join(folder, "node_modules/lading/dist"));
  await symlink(join(root, "package.json"), join(folder, "node_modules/lading/package.json"));
  return folder;
}

describe("the examples of the documentation", () => {
  it("are there", () => {
    expect(examples.length).toBeGreaterThan(15);
  });

  it("fit the types", async () => {
    const folder = await project();
    await symlink(join(root, "node_modules/@types"), join(folder, "node_modules/@types"));
    const files = new Map(
      examples.map(({ name, code }, at) => [`example${at}.mts`, { name, code }]),
    );
    for (const [file, { code }] of files) await writeFile(join(folder, file), code);
    const program = ts.createProgram(
      [...files.keys()].map((file) => join(folder, file)),
      {
        target: ts.ScriptTarget.ES2022,
        lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
        strict: true,
        skipLibCheck: true,
        noEmit: true,
      },
    );
    const found = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      const name = files.get(file?.fileName.split("/").at(-1) ?? "")?.name ?? file?.fileName;
      return `${name}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
    expect(found).toEqual([]);
  });

  it.each(examples)("run: $name", async ({ code }) => {
    if (code.includes("lading.mount(") && cannotMount) return;
    await using registry = await createRegistry();
    registry.content.tag("team/app:1", randomImage(registry.content, { seed: 1 }).descriptor);
    const folder = await project();
    const runnable = code
      .replaceAll(/registry\.example(?:\/app:1\.2)?/g, (name) =>
        name === "registry.example" ? registry.address : `${registry.address}/team/app:none`,
      )
      .replaceAll("docker.io/library/alpine:3.20", `${registry.address}/team/app:1`)
      .replaceAll(
        /"\/(?:var\/lib\/sandbox\/images|tmp\/store)"/g,
        JSON.stringify(join(folder, "store")),
      );
    const { outputText } = ts.transpileModule(runnable, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    await writeFile(join(folder, "example.mjs"), outputText);
    const env = { PATH: process.env.PATH, HOME: folder };
    const { stdout } = await run(process.execPath, ["example.mjs"], { cwd: folder, env });
    const promised = [...code.matchAll(/console\.log\(.*\/\/ (\w[\w-]*)/g)].map(([, word]) => word);
    for (const word of promised) expect(stdout).toContain(word);
    expect(promised.includes("true") && stdout.includes("false")).toBe(false);
  });
});
