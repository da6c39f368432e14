import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const npm = ["--no-audit", "--no-fund", "--ignore-scripts", "--silent"];

describe("the package", () => {
  it("installs into an empty project, where the command and the import work", async () => {
    const folder = await temporaryFolder();
    await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], {
      cwd: root,
    });
    const [tarball = ""] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
    await writeFile(join(folder, "package.json"), '{"private":true,"type":"module"}');
    await run("npm", ["install", "--prefer-offline", ...npm, `./${tarball}`], { cwd: folder });

    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const env = { PATH: process.env.PATH, HOME: folder };
    const command = join(folder, "node_modules/.bin/lading");
    expect((await run(command, ["--version"], { env })).stdout.trim()).toBe(version);

    const script = `
      import { open, pull, LadingError } from "lading";
      import { createRegistry, randomImage } from "lading/testkit";
      const registry = await createRegistry();
      registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
      const { digest } = await pull(registry.address + "/app:1", { root: "store" });
      const lading = await open({ root: "store" });
      console.log((await lading.images())[0].descriptor.digest === digest, typeof LadingError);
      console.log((await lading.verify()).broken.length);
      await lading.close();
      await registry.close();
    `;
    await writeFile(join(folder, "import.mjs"), script);
    const imported = await run(process.execPath, ["import.mjs"], { cwd: folder, env });
    expect(imported.stdout).toBe("true function\n0\n");

    const required = "const { pull } = require('lading'); console.log(typeof pull)";
    await writeFile(join(folder, "require.cjs"), required);
    const { stdout } = await run(process.execPath, ["require.cjs"], { cwd: folder, env });
    expect(stdout).toBe("function\n");

    const verified = await run(command, ["store", "verify", "--json", "--root", "store"], {
      cwd: folder,
      env,
    });
    expect(JSON.parse(verified.stdout).broken).toEqual([]);
  }, 120_000);
});
