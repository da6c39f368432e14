import { createHash } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { OperationOptions } from "../../content/events.ts";
import { errno } from "../../disk/disk-error.ts";
import { readRegular } from "../../disk/file.ts";
import { acquireLock } from "../../disk/lock.ts";
import { replaceFile } from "../../disk/publish.ts";
import { LadingError } from "../../errors.ts";
import { type Descriptor, parseDescriptor } from "../../oci/descriptor.ts";
import { isObject, type JsonObject, parseJson } from "../../oci/json.ts";
import { mediaTypes } from "../../oci/media-types.ts";
import type { Layout } from "../layout.ts";

const NAME = "org.opencontainers.image.ref.name";
/** When it was pulled, RFC 3339; marks an entry as ours. */
const PULLED = "dev.lading.pulled";
const PLATFORMS = "dev.lading.platforms";

/** An entry of `index.json`; `raw` is kept word for word when the file is written again. */
export interface IndexEntry {
  readonly descriptor: Descriptor;
  readonly name: string | undefined;
  readonly pulledAt: number | undefined;
  readonly raw: JsonObject;
}

export interface StoreIndex {
  /** Of the file's bytes: what tells the catalog whether it is up to date. Empty without a file. */
  readonly hash: string;
  readonly entries: readonly IndexEntry[];
  readonly document: JsonObject;
}

/** A hundred thousand images fit; more is not an index any more. */
const MAX_BYTES = 128 * 1024 * 1024;

const EMPTY: JsonObject = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };

/** The names of the store as the disk has them, those that other tools wrote included. */
export async function readIndex(layout: Layout): Promise<StoreIndex> {
  const bytes = await readBytes(layout.index);
  if (bytes === undefined) return { hash: "", entries: [], document: EMPTY };
  const hash = createHash("sha256").update(bytes).digest("hex");
  try {
    const document = parseJson(bytes, { what: "index.json of the store", maxBytes: MAX_BYTES });
    if (!isObject(document)) throw new LadingError("malformed", "it is not an object");
    return { hash, document, entries: parseEntries(document) };
  } catch (cause) {
    throw new LadingError("store-corrupt", "the store's index.json can't be read", {
      path: layout.index,
      cause,
      hint: "run: lading store rebuild, which makes it again from the catalog and keeps the damaged one",
    });
  }
}

/** `index.json` while nobody else writes it. What the catalog says of names changes only meanwhile. */
export interface LockedIndex {
  readonly index: StoreIndex;
  /** Replaces the file, unless these are the entries that it has. */
  replace(entries: readonly IndexEntry[]): Promise<StoreIndex>;
}

/** Works on `index.json` under its lock, from a fresh read on. Not to be nested. */
export async function lockIndex<T>(
  layout: Layout,
  clock: Clock,
  { signal }: OperationOptions,
  work: (locked: LockedIndex) => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(layout.lock("index"), "exclusive", { clock, signal });
  try {
    let index = await readIndex(layout);
    return await work({
      get index() {
        return index;
      },
      async replace(entries) {
        if (index.hash === "" || entries !== index.entries) {
          index = await writeIndex(layout, index.document, entries);
        }
        return index;
      },
    });
  } finally {
    lock.release();
  }
}

async function writeIndex(
  layout: Layout,
  before: JsonObject,
  entries: readonly IndexEntry[],
): Promise<StoreIndex> {
  const document = { ...before, manifests: entries.map(({ raw }) => raw) };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  await replaceFile(layout.index, bytes);
  return { hash: createHash("sha256").update(bytes).digest("hex"), entries, document };
}

export interface NewEntry {
  readonly descriptor: Descriptor;
  readonly name: string;
  readonly pulledAt: number;
  readonly platforms: readonly string[];
}

/** Gives a name to what it means now. What it meant before stays, without a name, until collection. */
export function named(index: StoreIndex, entry: NewEntry): readonly IndexEntry[] {
  const { descriptor } = entry;
  const others = index.entries.filter(
    (other) => !(sameContent(other, descriptor) && (other.name === entry.name || isUnnamed(other))),
  );
  const kept = others.map((other) => (other.name === entry.name ? withoutName(other) : other));
  return [...kept, makeEntry(entry)];
}

export function makeEntry({ descriptor, name, pulledAt, platforms }: NewEntry): IndexEntry {
  const { mediaType, digest, size, artifactType } = descriptor;
  const annotations = {
    [NAME]: name,
    [PULLED]: new Date(pulledAt).toISOString(),
    ...(platforms.length > 0 ? { [PLATFORMS]: platforms.join(",") } : {}),
  };
  const type = artifactType === undefined ? {} : { artifactType };
  return {
    descriptor,
    name,
    pulledAt,
    raw: { mediaType, ...type, digest, size, annotations },
  };
}

/** The entry of something that lost its name: ours, so that collection knows it may go. */
export function withoutName(entry: IndexEntry): IndexEntry {
  const { [NAME]: _, ...annotations } = entry.descriptor.annotations ?? annotationsOf(entry.raw);
  const pulled = annotations[PULLED] ?? new Date(entry.pulledAt ?? 0).toISOString();
  const raw = { ...entry.raw, annotations: { ...annotations, [PULLED]: pulled } };
  return { ...entry, name: undefined, raw };
}

/** Whether it is an entry of ours that no name points to any more. */
export function isUnnamed(entry: IndexEntry): boolean {
  return entry.name === undefined && entry.pulledAt !== undefined;
}

function sameContent(entry: IndexEntry, descriptor: Descriptor): boolean {
  return entry.descriptor.digest === descriptor.digest;
}

function parseEntries(document: JsonObject): readonly IndexEntry[] {
  const manifests = document.manifests ?? [];
  if (!Array.isArray(manifests)) throw new LadingError("malformed", "manifests is not a list");
  return manifests.map((raw: JsonObject, position) => {
    const descriptor = parseDescriptor(raw, `index.json, manifests[${position}]`);
    const { annotations = {} } = descriptor;
    const pulled = Date.parse(annotations[PULLED] ?? "");
    return {
      descriptor,
      name: annotations[NAME],
      pulledAt: Number.isNaN(pulled) ? undefined : pulled,
      raw,
    };
  });
}

function annotationsOf(raw: JsonObject): Record<string, string> {
  const { annotations } = raw;
  if (!isObject(annotations)) return {};
  return Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [key, String(value)]),
  );
}

async function readBytes(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readRegular(path, MAX_BYTES);
  } catch (error) {
    const cause = error instanceof LadingError ? error.cause : error;
    if (errno(cause) === "ENOENT") return undefined;
    throw error;
  }
}
