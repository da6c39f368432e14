import type { ByteString } from "./byte-string.ts";
import type { TarEntry } from "./entry.ts";

const NAME_BYTES = 100;
const LARGEST_ID = 0o7777777;
const LARGEST_SIZE = 0o77777777777;
const NS = 1_000_000_000n;

/** An entry whose names are bytes. */
export interface NamedEntry extends Omit<TarEntry, "path" | "linkPath"> {
  readonly path: ByteString;
  readonly linkPath: ByteString;
}

/**
 * The pax records that an entry needs beyond ustar, keys in order; empty when it needs none. `archived`
 * counts the bytes that follow its header.
 */
export function paxRecords(entry: NamedEntry, archived: number): Uint8Array {
  const records = new Map<string, Uint8Array>();
  const say = (key: string, value: string) => records.set(key, Buffer.from(value, "latin1"));
  const { path, linkPath, uid = 0, gid = 0, mtimeNs = 0n, xattrs = {} } = entry;
  if (entry.data !== undefined) {
    say("GNU.sparse.major", "1");
    say("GNU.sparse.minor", "0");
    say("GNU.sparse.name", path);
    say("GNU.sparse.realsize", String(entry.size ?? 0));
  } else if (!fits(path)) say("path", path);
  if (!fits(linkPath)) say("linkpath", linkPath);
  if (archived > LARGEST_SIZE) say("size", String(archived));
  if (uid > LARGEST_ID) say("uid", String(uid));
  if (gid > LARGEST_ID) say("gid", String(gid));
  const beyond = mtimeNs < 0n || mtimeNs / NS > BigInt(LARGEST_SIZE);
  if (beyond || mtimeNs % NS !== 0n) say("mtime", decimal(mtimeNs));
  for (const [name, value] of Object.entries(xattrs)) records.set(`SCHILY.xattr.${name}`, value);
  const sorted = [...records].sort(([one], [other]) => (one < other ? -1 : 1));
  return Buffer.concat(sorted.map(([key, value]) => record(key, value)));
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function record(key: string, value: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = body.length;
  while (String(length).length + body.length !== length) {
    length = String(length).length + body.length;
  }
  return Buffer.concat([Buffer.from(String(length)), body]);
}

/** Seconds with their fraction; pax counts down from zero for times before the epoch. */
function decimal(ns: bigint): string {
  const sign = ns < 0n ? "-" : "";
  const magnitude = ns < 0n ? -ns : ns;
  const fraction = String(magnitude % NS)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${sign}${magnitude / NS}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Other alphabets always go into pax: ustar does not say in which encoding its names are. */
function fits(name: string): boolean {
  return /^[\x20-\x7e]*$/.test(name) && name.length <= NAME_BYTES;
}
