import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { classify, mayReach } from "../../src/registry/http/address.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFile(join(root, file), "utf8");

/** The rows of the table below a heading, each a list of its cells. */
function rows(text: string, heading: string): string[][] {
  const section = text.split(`## ${heading}\n`)[1]?.split(/^## /m)[0] ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe("docs/cli.md", () => {
  it("says what the commands say", async () => {
    const ran = promisify(execFile)(process.execPath, ["scripts/docs.mjs", "--check"], {
      cwd: root,
    });
    await expect(ran).resolves.toMatchObject({ stdout: "" });
  });
});

describe("docs/errors.md", () => {
  it("has each code of the union, with the exit code that the command gives", async () => {
    const [source, document] = await Promise.all([read("src/errors.ts"), read("docs/errors.md")]);
    const union = source.split("export type ErrorCode =")[1]?.split(";")[0] ?? "";
    const codes = [...union.matchAll(/\| "([a-z-]+)"/g)].map(([, code]) => code);
    const listed = [...document.matchAll(/^\| `([a-z-]+)` \| ([0-9]+) \|/gm)];
    expect(listed.map(([, code]) => code).sort()).toEqual([...codes].sort());
    for (const [, code, exit] of listed) expect(exitCodeOf(code as ErrorCode)).toBe(Number(exit));
  });
});

describe("docs/progress-json.md", () => {
  it("has each type of event, each reason to wait and each warning", async () => {
    const [source, document] = await Promise.all([
      read("src/content/events.ts"),
      read("docs/progress-json.md"),
    ]);
    for (const [, name] of source.matchAll(/(?:type|kind): "([a-z-]+)"|^ {2}\| "([a-z-]+)"/gm)) {
      if (name !== undefined) expect(document).toContain(`\`${name}\``);
    }
    for (const [, warning] of source.matchAll(/^ {2}\| "([a-z-]+)"/gm))
      expect(document).toContain(`\`${warning}\``);
  });
});

describe("docs/realm-policy.md", () => {
  it("puts each address that it names into the class that the code does", async () => {
    for (const [name, addresses = ""] of rows(await read("docs/realm-policy.md"), "Addresses")) {
      if (name === "public") continue;
      for (const [address] of addresses.matchAll(/[0-9a-f]*[.:][0-9a-f.:]*/g)) {
        expect(classify(address), address).toBe(name);
      }
    }
    expect(classify("198.18.0.1")).toBe("public");
  });

  it("lets lead where the code does", async () => {
    const classes = ["public", "private", "loopback", "refused"] as const;
    const table = rows(await read("docs/realm-policy.md"), "Who may lead where");
    expect(table).toHaveLength(3);
    for (const [from, ...cells] of table) {
      const known = classes.find((one) => one === from);
      for (const [at, cell] of cells.entries()) {
        const to = classes[at];
        if (known === undefined || to === undefined) throw new Error(`no class: ${from}`);
        expect(mayReach(known, to), `${from} to ${to}`).toBe(cell === "yes");
      }
    }
  });
});
