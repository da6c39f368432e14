import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { commandGroups, commands } from "../../src/cli/commands/index.ts";
import { commonOptions, sharedOptionNames, sharedOptions } from "../../src/cli/options.ts";
import { pages, read, root } from "./document.ts";

describe("docs/cli.md", () => {
  it("lists commands and options as the commands define them", async () => {
    const ran = promisify(execFile)(process.execPath, ["scripts/docs.mjs", "--check"], {
      cwd: root,
    });
    await expect(ran).resolves.toMatchObject({ stdout: "" });
  });

  it("says of each command, and of no other, what it prints and its exit codes", async () => {
    const [, printed = ""] = (await read("docs/cli.md")).split("\n## What each command prints\n");
    const [parts = ""] = printed.split(/^<!-- /m);
    const sections = parts.split(/^### /m).slice(1);
    const named = sections.map((section) => section.split("\n")[0]);
    expect([...named].sort()).toEqual(commands.map(({ name }) => name).sort());
    for (const section of sections) expect(section).toMatch(/Exit\s+codes:/);
  });
});

describe("README.md and docs/", () => {
  it("name only commands that there are, with options that these take", async () => {
    const known = new Map<string, ReadonlySet<string>>();
    for (const { name, load } of commands) {
      const { options = [], shared = [] } = await load();
      const taken = sharedOptions.filter((_, at) =>
        shared.some((one) => one === sharedOptionNames[at]),
      );
      known.set(name, new Set(flagsOf([...commonOptions, ...taken, ...options])));
    }
    const all = new Set([...known.values()].flatMap((flags) => [...flags]));
    for (const page of await pages()) {
      const text = await read(page);
      for (const words of typedIn(text)) {
        const [first = "", second = ""] = words;
        if (["", "help", "--help", "COMMAND"].includes(first)) continue;
        const both = `${first} ${second}`;
        const name = first in commandGroups || known.has(both) ? both : first;
        const flags = known.get(name);
        expect(flags, `${page}: lading ${words.join(" ")}`).toBeDefined();
        for (const flag of words.filter((word) => word.startsWith("--") && word !== "--help")) {
          expect(flags, `${page}: lading ${words.join(" ")}`).toContain(flag);
        }
      }
      for (const [flag] of text.matchAll(/(?<=`)--[a-z-]+/g)) {
        if (flag !== "--help" && flag !== "--version") expect(all, page).toContain(flag);
      }
    }
  });

  it("link to pages and headings that there are", async () => {
    for (const page of await pages()) {
      const links = (await read(page)).matchAll(/\]\(([^)#:]*)(?:#([a-z-]+))?\)/g);
      for (const [, target = "", anchor] of links) {
        const path = target === "" ? page : join(page, "..", target);
        expect(
          await stat(join(root, path)).catch(() => undefined),
          `${page}: ${path}`,
        ).toBeDefined();
        if (anchor === undefined) continue;
        expect(anchorsOf(await read(path)), `${page}: ${path}#${anchor}`).toContain(anchor);
      }
    }
  });
});

function flagsOf(options: readonly { readonly flags: string }[]): string[] {
  return options.flatMap(({ flags }) => flags.match(/-[a-z]\b|--[a-z-]+/g) ?? []);
}

/** The words of each command line, in blocks and in the text: `lading pull --json …`. */
function typedIn(text: string): string[][] {
  const blocks = [...text.matchAll(/^```(?:sh|console)\n(.*?)^```/gms)].map(
    ([, block = ""]) => block,
  );
  const lines = blocks.join("").matchAll(/^(?:\$ )?lading ([^\n#|&>]*)/gm);
  const inText = text.matchAll(/`lading ([^`\n]*)`/g);
  return [...lines, ...inText].map(([, typed = ""]) =>
    typed.split(/\s+/).filter((word) => /^(?:--)?[a-zA-Z]/.test(word)),
  );
}

/** As GitHub makes them out of headings. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
}
