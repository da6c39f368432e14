import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { version } from "../../src/cli/version.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

let home: string;
beforeEach(async () => {
  home = await temporaryFolder();
});

describe("the start of the command", () => {
  it("knows the version of the package", async () => {
    const path = join(import.meta.dirname, "../../package.json");
    expect(version).toBe(JSON.parse(await readFile(path, "utf8")).version);
    for (const args of [["--version"], ["-V"], ["pull", "--version"]]) {
      const { stdout, code } = await lading(args, { home });
      expect({ stdout, code }).toEqual({ stdout: `${version}\n`, code: 0 });
    }
  });

  it("answers --version without loading a module but its own", async () => {
    const ran = await lading(["--version"], { home, env: { NODE_DEBUG: "esm" } });
    const loaded = ran.stderr.match(/file:\/\/[^'"\s]+\.js/g) ?? [];
    const ours = new Set(loaded.map((url) => url.split("/").at(-1)));
    expect([...ours]).toEqual(["lading.js"]);
  });

  it("prints the overview, in groups, for --help and help; and with no command, as a failure", async () => {
    const { stdout, code } = await lading(["--help"], { home });
    expect(code).toBe(0);
    for (const group of ["Images:", "Registry:", "Store:", "Shell:", "Examples:"]) {
      expect(stdout).toContain(`\n${group}\n`);
    }
    expect(await lading(["help"], { home })).toMatchObject({ stdout, code: 0 });
    expect(await lading([], { home })).toMatchObject({ stdout: "", stderr: stdout, code: 2 });
  });

  it("suggests the command that was meant", async () => {
    const { stderr, code } = await lading(["imagse"], { home });
    expect(stderr).toContain("Did you mean images?");
    expect(code).toBe(2);
  });
});
