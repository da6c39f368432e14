import { LadingError } from "../errors.ts";
import { type DiffId, parseDiffId } from "../oci/digest.ts";
import { isObject, type JsonObject, type JsonValue, parseJson } from "../oci/json.ts";
import type { ByteString } from "../tar/byte-string.ts";

/**
 * What an unpacked layer's files can't say: `layer.json`, beside its `rootfs/`. Paths are relative to
 * the root, without a leading slash; `""` is the root itself. They are bytes, one character each.
 */
export interface LayerRecord {
  readonly diffId: DiffId;
  /** The form's name: the same layer unpacked otherwise is another folder. */
  readonly form: string;
  /** Entries of the tar, whiteouts included. */
  readonly entries: number;
  /** Bytes that were written; holes are not. */
  readonly bytes: number;
  /** Names that the layer removes from those below it. */
  readonly whiteouts: readonly ByteString[];
  /** Directories whose content below it the layer hides. */
  readonly opaques: readonly ByteString[];
  /** Directories that the layer has no entry for: they keep the attributes of what is below. */
  readonly implied: readonly ByteString[];
  /** Hard links to files that only a layer below can have; they are not in `rootfs/`. */
  readonly links: readonly LayerLink[];
  /** Whether `rootfs/` holds whiteouts and opaque marks as overlayfs wants them. */
  readonly overlayNodes: boolean;
  /** What this form could not keep, and how often: `device node: 2`. */
  readonly lost: Readonly<Record<string, number>>;
  /** Whether every file was synced to disk. */
  readonly synced: boolean;
  /** The boot during which it was made: what was not synced is not trusted after another. */
  readonly bootId: string;
}

export interface LayerLink {
  readonly path: ByteString;
  readonly target: ByteString;
}

const SCHEMA = 1;
const WHERE = "layer.json";
/** A million paths of ordinary length. */
export const MAX_RECORD_BYTES: number = 256 * 1024 * 1024;

export function formatLayerRecord(record: LayerRecord): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ schema: SCHEMA, ...record })}\n`);
}

/** Reads one back; anything odd means that the layer has to be unpacked again. */
export function parseLayerRecord(bytes: Uint8Array): LayerRecord {
  const value = parseJson(bytes, { what: WHERE, maxBytes: MAX_RECORD_BYTES });
  if (!isObject(value) || value.schema !== SCHEMA) throw odd("schema");
  return {
    diffId: parseDiffId(text(value, "diffId")),
    form: text(value, "form"),
    entries: count(value, "entries"),
    bytes: count(value, "bytes"),
    whiteouts: paths(value, "whiteouts"),
    opaques: paths(value, "opaques"),
    implied: paths(value, "implied"),
    links: list(value, "links").map((link) => {
      if (!isObject(link)) throw odd("links");
      return { path: path(link.path, "links"), target: path(link.target, "links") };
    }),
    overlayNodes: value.overlayNodes === true,
    lost: counts(value.lost),
    synced: value.synced === true,
    bootId: text(value, "bootId"),
  };
}

function text(value: JsonObject, key: string): string {
  const field = value[key];
  if (typeof field !== "string") throw odd(key);
  return field;
}

function count(value: JsonObject, key: string): number {
  const field = value[key];
  if (typeof field !== "number" || !Number.isSafeInteger(field) || field < 0) throw odd(key);
  return field;
}

function list(value: JsonObject, key: string): readonly JsonValue[] {
  const field = value[key];
  if (!Array.isArray(field)) throw odd(key);
  return field;
}

function paths(value: JsonObject, key: string): readonly ByteString[] {
  return list(value, key).map((one) => path(one, key));
}

function path(value: JsonValue | undefined, key: string): ByteString {
  if (typeof value !== "string" || !BYTES.test(value)) throw odd(key);
  if (value.split("/").some((name) => name === ".." || name === ".")) throw odd(key);
  return value as ByteString;
}

/** Characters of one byte, none of them NUL, and no slash at either end. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: names are bytes
const BYTES = /^(?!\/)[\u0001-\u00ff]*(?<!\/)$/;

function counts(value: JsonValue | undefined): Readonly<Record<string, number>> {
  if (!isObject(value)) throw odd("lost");
  return Object.fromEntries(Object.keys(value).map((key) => [key, count(value, key)]));
}

function odd(key: string): LadingError {
  return new LadingError("store-corrupt", `${WHERE} is damaged: ${key}`);
}
