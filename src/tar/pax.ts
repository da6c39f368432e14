import type { TarEntry } from "./entry.ts";

const NAME_BYTES = 100;
const LARGEST_ID = 0o7777777;
const LARGEST_SIZE = 0o77777777777;
const NS = 1_000_000_000n;

/** The pax records that an entry needs beyond ustar, keys in order; empty when it needs none. */
export function paxRecords(entry: TarEntry): Uint8Array {
  const records = new Map<string, string | Uint8Array>();
  const { path, linkPath = "", size = 0, uid = 0, gid = 0, mtimeNs = 0n, xattrs = {} } = entry;
  if (!fits(path)) records.set("path", path);
  if (!fits(linkPath)) records.set("linkpath", linkPath);
  if (size > LARGEST_SIZE) records.set("size", String(size));
  if (uid > LARGEST_ID) records.set("uid", String(uid));
  if (gid > LARGEST_ID) records.set("gid", String(gid));
  const beyond = mtimeNs < 0n || mtimeNs / NS > BigInt(LARGEST_SIZE);
  if (beyond || mtimeNs % NS !== 0n) records.set("mtime", decimal(mtimeNs));
  for (const [name, value] of Object.entries(xattrs)) records.set(`SCHILY.xattr.${name}`, value);
  const keys = [...records.keys()].sort();
  return Buffer.concat(keys.map((key) => record(key, records.get(key) ?? "")));
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function record(key: string, value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  const body = Buffer.concat([Buffer.from(` ${key}=`, "utf8"), bytes, Buffer.from("\n")]);
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
