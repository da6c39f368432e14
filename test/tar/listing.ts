import { spawnSync } from "node:child_process";
import type { ReadEntry } from "../../src/tar/read-entry.ts";

const LIST = ["--list", "--verbose", "--full-time", "--numeric-owner", "--quoting-style=escape"];

/**
 * What GNU tar lists, a line an entry, runs of spaces made one; a contiguous file is a file, and a
 * directory without a name the root, as GNU tar extracts it.
 */
export function gnuListing(tar: Uint8Array): {
  readonly lines: string[];
  readonly failed: boolean;
} {
  const env = { ...process.env, LC_ALL: "C" };
  const { stdout, status } = spawnSync("tar", [...LIST, "--utc", "--file=-"], { input: tar, env });
  const lines = stdout.toString("latin1").split("\n").slice(0, -1);
  return { lines: lines.map(normalised), failed: status !== 0 };
}

function normalised(line: string): string {
  return line
    .replace(/ +/g, " ")
    .replace(/^C(?=.*\/$)/, "d")
    .replace(/^C/, "-")
    .replace(/^(d.* \d\d:\d\d:\d\d(?:\.\d+)?) $/, "$1 .");
}

/** The line that GNU tar lists for an entry. */
export function gnuLine(entry: ReadEntry): string {
  const { device, type, uid, gid } = entry;
  const size = type.endsWith("device") ? `${device.major},${device.minor}` : entry.size;
  const line = `${modeOf(entry)} ${uid}/${gid} ${size} ${timeOf(entry.mtimeNs)} ${escaped(entry.path)}`;
  const arrow = { symlink: " -> ", hardlink: " link to " }[type as string];
  return (arrow === undefined ? line : line + arrow + escaped(entry.linkPath)).replace(/ +/g, " ");
}

const LETTERS = {
  file: "-",
  hardlink: "h",
  symlink: "l",
  "character-device": "c",
  "block-device": "b",
  directory: "d",
  fifo: "p",
} as const;

function modeOf({ type, mode }: ReadEntry): string {
  const bits = [..."rwxrwxrwx"].map((letter, at) => (mode & (0o400 >> at) ? letter : "-"));
  const special: [number, number, string][] = [
    [0o4000, 2, "s"],
    [0o2000, 5, "s"],
    [0o1000, 8, "t"],
  ];
  for (const [bit, at, letter] of special) {
    if (mode & bit) bits[at] = bits[at] === "x" ? letter : letter.toUpperCase();
  }
  return LETTERS[type] + bits.join("");
}

function timeOf(mtimeNs: bigint): string {
  let ns = ((mtimeNs % NS) + NS) % NS;
  let seconds = (mtimeNs - ns) / NS;
  // GNU tar lists fractions before the epoch mirrored (and extracts them right).
  if (seconds < 0n && ns > 0n) {
    seconds += 1n;
    ns = NS - ns;
  }
  const date = new Date(Number(seconds) * 1000).toISOString();
  const fraction = ns === 0n ? "" : `.${String(ns).padStart(9, "0").replace(/0+$/, "")}`;
  return `${date.slice(0, 10)} ${date.slice(11, 19)}${fraction}`;
}

const NS = 1_000_000_000n;

const NAMED = new Map([..."abtnvfr"].map((letter, at) => ["\x07\b\t\n\v\f\r"[at], letter]));

function escaped(name: string): string {
  return [...name]
    .map((char) => {
      const code = char.charCodeAt(0);
      if (char === "\\") return "\\\\";
      if (NAMED.has(char)) return `\\${NAMED.get(char)}`;
      return code < 0x20 || code > 0x7e ? `\\${code.toString(8).padStart(3, "0")}` : char;
    })
    .join("");
}
