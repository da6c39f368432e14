import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errno } from "../../disk/disk-error.ts";
import { readRegular } from "../../disk/file.ts";
import { processIdentity } from "../../disk/process-identity.ts";
import { replaceFile } from "../../disk/publish.ts";
import { LadingError } from "../../errors.ts";
import { type DiffId, type Digest, parseDiffId, parseDigest } from "../../oci/digest.ts";
import { isObject, type JsonObject, type JsonValue, parseJson } from "../../oci/json.ts";
import type { Layout } from "../layout.ts";

/** What is mounted, as `mounts/<id>/mount.json` says. Its layers stay whatever becomes of their image. */
export interface MountRecord {
  readonly id: string;
  readonly reference: string;
  readonly digest: Digest;
  /** Where it is seen; of a process, only that process and those below it see it. */
  readonly path: string;
  /** Layers, bottom first. */
  readonly chain: readonly DiffId[];
  readonly writable: boolean;
  /** `"bind"` where the image has a single layer, or none. */
  readonly kind: "overlay" | "bind";
  /** Whether the directory was made for it. */
  readonly made: boolean;
  readonly lease: string | undefined;
  /** For which process it is, where it ends with one. */
  readonly process: { readonly pid: number; readonly identity: string } | undefined;
  /** Milliseconds since the epoch. */
  readonly created: number;
}

const MAX_BYTES = 1024 * 1024;

export async function writeMountRecord(layout: Layout, record: MountRecord): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
  await replaceFile(recordPath(layout, record.id), bytes);
}

/** All that are there. One that can't be read stops the caller: what it needs is unknown. */
export async function readMountRecords(layout: Layout): Promise<readonly MountRecord[]> {
  const records: MountRecord[] = [];
  for (const id of await readdir(layout.mounts).catch(() => [])) {
    const record = await readMountRecord(layout, id);
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** Whether the process that a mount was for has ended, and its mount with it. */
export async function isOver({ process }: MountRecord): Promise<boolean> {
  return process !== undefined && (await processIdentity(process.pid)) !== process.identity;
}

async function readMountRecord(layout: Layout, id: string): Promise<MountRecord | undefined> {
  const path = recordPath(layout, id);
  try {
    const bytes = await readRegular(path, MAX_BYTES);
    return { ...parse(parseJson(bytes, { what: "mount.json", maxBytes: MAX_BYTES })), id };
  } catch (cause) {
    const code = errno(cause instanceof LadingError ? cause.cause : cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new LadingError("store-corrupt", "the record of a mount can't be read", {
      path,
      cause,
      hint: "unmount what it is about, then remove its folder",
    });
  }
}

function parse(value: JsonValue): Omit<MountRecord, "id"> {
  if (!isObject(value)) throw odd("object");
  const { chain, kind, process, created } = value;
  if (!Array.isArray(chain)) throw odd("chain");
  return {
    reference: text(value, "reference"),
    digest: parseDigest(text(value, "digest")),
    path: text(value, "path"),
    chain: chain.map((diffId) => parseDiffId(String(diffId))),
    writable: value.writable === true,
    kind: kind === "bind" ? "bind" : "overlay",
    made: value.made === true,
    lease: value.lease === undefined ? undefined : text(value, "lease"),
    process: isObject(process) ? parseProcess(process) : undefined,
    created: typeof created === "number" ? created : 0,
  };
}

function parseProcess(process: JsonObject): { pid: number; identity: string } {
  if (typeof process.pid !== "number") throw odd("process");
  return { pid: process.pid, identity: text(process, "identity") };
}

function text(value: JsonObject, key: string): string {
  const field = value[key];
  if (typeof field !== "string") throw odd(key);
  return field;
}

function odd(key: string): LadingError {
  return new LadingError("store-corrupt", `mount.json is damaged: ${key}`);
}

function recordPath(layout: Layout, id: string): string {
  return join(layout.mounts, id, "mount.json");
}
