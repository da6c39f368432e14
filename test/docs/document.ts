import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect } from "vitest";

export const root: string = resolve(import.meta.dirname, "../..");

export const read = (file: string): Promise<string> => readFile(join(root, file), "utf8");

/** README.md and the pages of docs/. */
export async function pages(): Promise<readonly string[]> {
  const names = await readdir(join(root, "docs"));
  return [
    "README.md",
    ...names.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
  ];
}

/** The tables of a document, each a list of rows, each a list of cells; headings are the first row. */
export function tables(text: string): string[][][] {
  const found = text.match(/(?:^\|.*\n)+/gm) ?? [];
  return found.map((table) => {
    const [heading = "", , ...rows] = table.trimEnd().split("\n");
    return [heading, ...rows].map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  });
}

/** The rows below the heading whose first cell is that. */
export function rowsBelow(text: string, first: string): string[][] {
  const table = tables(text).find(([heading]) => heading?.[0] === first);
  if (table === undefined) throw new Error(`no table with a column ${first}`);
  return table.slice(1);
}

export const quoted = (cell = ""): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);

/** The names that a TypeScript source gives to members of its unions. */
export async function names(file: string, pattern: RegExp): Promise<string[]> {
  const found = [...(await read(file)).matchAll(pattern)].map(([, name = ""]) => name);
  expect(found.length).toBeGreaterThan(1);
  return [...new Set(found)].sort();
}
