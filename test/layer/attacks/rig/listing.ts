import { createHash } from "node:crypto";
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** What is in a directory, by path; `""` is the directory itself. Names are bytes, one character each. */
export type Listing = Readonly<Record<string, string>>;

/** In words that are easy to expect: `file 644 text`, `directory 755`, `link to x`, `fifo 644`. */
export function listing(folder: string): Listing {
  return walk(folder, (stat, path) => {
    const mode = (Number(stat.mode) & 0o7777).toString(8);
    if (stat.isDirectory()) return `directory ${mode}`;
    if (stat.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
    if (stat.isFile()) return `file ${mode} ${content(path, stat)}`.trimEnd();
    if (stat.isFIFO()) return `fifo ${mode}`;
    const kind = stat.isCharacterDevice() ? "character" : "block";
    return `${kind} device ${stat.rdev >> 8n}:${stat.rdev & 0xffn} ${mode}`;
  });
}

/** Everything that a stray call would change, times of change and link counts too. */
export function fingerprint(folder: string): Listing {
  return walk(folder, (stat, path) => {
    const { ino, mode, uid, gid, size, nlink, mtimeNs, ctimeNs } = stat;
    const bytes = stat.isFile() ? hash(path) : "";
    return [ino, mode, uid, gid, size, nlink, mtimeNs, ctimeNs, bytes].join(" ");
  });
}

function walk(
  folder: string,
  describe: (stat: BigIntStats, path: Buffer) => string,
): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (path: Buffer, name: string): void => {
    const stat = lstatSync(path, { bigint: true });
    found[name] = describe(stat, path);
    if (!stat.isDirectory()) return;
    for (const child of readdirSync(path, { encoding: "buffer" })) {
      const text = child.toString("latin1");
      visit(Buffer.concat([path, SLASH, child]), name === "" ? text : `${name}/${text}`);
    }
  };
  visit(Buffer.from(join(folder)), "");
  return found;
}

const SLASH = Buffer.from("/");

function content(path: Buffer, { size }: BigIntStats): string {
  return size > 100n ? `${size} bytes` : readFileSync(path, "latin1");
}

function hash(path: Buffer): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
