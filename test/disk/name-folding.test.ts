import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { expect, it } from "vitest";
import { nameFolding } from "../../src/disk/name-folding.ts";
import { temporaryFolder } from "../temporary.ts";

/** A file system that takes names for one when they come to the same. */
const folding = (folder: string, folded: (name: string) => string) => async (path: string) =>
  (await readdir(folder)).some((name) => folded(name) === folded(basename(path)));

const systems: readonly [string, string, (name: string) => string][] = [
  ["tells all names apart, as ext4 does", "none", (name) => name],
  ["folds case and spelling, as macOS does", "case", (name) => name.normalize("NFD").toLowerCase()],
  ["folds case alone, as Windows does", "case", (name) => name.toLowerCase()],
  ["folds ASCII alone, as vfat does", "case", (name) => name.replace(/[A-Z]/g, lower)],
  ["folds spelling alone, as a case-sensitive APFS does", "spelling", (name) => name.normalize()],
];

it.each(systems)("a file system that %s is known as %s", async (_, known, folded) => {
  const folder = await temporaryFolder();
  expect(await nameFolding(folder, folding(folder, folded))).toBe(known);
  expect(await readdir(folder)).toEqual([]);
});

it.runIf(process.platform === "linux")("the disk itself is asked", async () => {
  const folder = await temporaryFolder();
  expect(await nameFolding(folder)).toBe("none");
  expect(await readdir(folder)).toEqual([]);
});

function lower(letter: string): string {
  return letter.toLowerCase();
}
