import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** What a directory holds under one name. Names are bytes, one character each; `""` is the root. */
export interface Entry {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: string;
  /** Values as hex. */
  readonly xattrs: Readonly<Record<string, string>>;
  /** All names of the same inode, sorted. */
  readonly names: readonly string[];
  /** The inode's count; directories have none here. */
  readonly links?: number;
  readonly target?: string;
  readonly device?: string;
  readonly size?: number;
  readonly sha256?: string;
}

export type Snapshot = ReadonlyMap<string, Entry>;

export type Field = Exclude<keyof Entry, "path"> | "presence";

export interface Comparison {
  /** Whether a difference is one that is known and argued. */
  readonly ignore?: (
    path: string,
    field: Field,
    a: Entry | undefined,
    b: Entry | undefined,
  ) => boolean;
  readonly names?: readonly [string, string];
}

/** Lists a tree through Python, so that nothing of lading judges what lading wrote. */
export function snapshot(folder: string): Promise<Snapshot> {
  return listed("snapshot.py", folder);
}

/** What an image in an OCI layout has to become, by a plain reading of the specification. */
export function reference(layout: string, tag: string): Promise<Snapshot> {
  return listed("reference.py", layout, tag);
}

const run = promisify(execFile);

async function listed(script: string, ...args: readonly string[]): Promise<Snapshot> {
  const path = join(import.meta.dirname, script);
  const { stdout } = await run("python3", [path, ...args], { maxBuffer: 2 ** 30 });
  const entries = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Entry => JSON.parse(line));
  return new Map(entries.map((entry) => [entry.path, entry]));
}

/** One line for each name and field in which two trees differ. */
export function differences(a: Snapshot, b: Snapshot, comparison: Comparison = {}): string[] {
  const { ignore = () => false, names = ["left", "right"] } = comparison;
  const lines: string[] = [];
  for (const path of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [left, right] = [a.get(path), b.get(path)];
    if (left === undefined || right === undefined) {
      const [only, type] = left === undefined ? [names[1], right?.type] : [names[0], left.type];
      if (!ignore(path, "presence", left, right))
        lines.push(`${shown(path)}: only ${only} has it, a ${type}`);
      continue;
    }
    for (const field of FIELDS) {
      const [one, other] = [written(left, field), written(right, field)];
      if (one === other || ignore(path, field, left, right)) continue;
      lines.push(`${shown(path)}: ${field} is ${one} in ${names[0]}, ${other} in ${names[1]}`);
    }
  }
  return lines;
}

const FIELDS = [
  "type",
  "mode",
  "uid",
  "gid",
  "mtimeNs",
  "size",
  "target",
  "device",
  "sha256",
  "xattrs",
  "links",
  "names",
] as const satisfies readonly Field[];

function written(entry: Entry, field: (typeof FIELDS)[number]): string {
  const value = entry[field];
  if (field === "mode") return entry.mode.toString(8).padStart(4, "0");
  if (field === "names") return entry.names.map(shown).join(" = ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** As JSON would write it, so that odd bytes can be read; a long run of one letter as `n{200}`. */
function shown(path: string): string {
  const short = path.replace(/(.)\1{19,}/g, (run, letter) => `${letter}{${run.length}}`);
  return path === "" ? "the root" : JSON.stringify(short);
}
