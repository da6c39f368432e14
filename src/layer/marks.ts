import { LadingError } from "../errors.ts";
import { isObject, type JsonObject, type JsonValue, parseJson } from "../oci/json.ts";
import type { ByteString } from "../tar/byte-string.ts";

/**
 * What an unpacked layer says about those below it: `marks.json`, beside its `rootfs/`. Paths are
 * relative to the root, without a leading slash; `""` is the root itself. They are bytes, one
 * character each.
 */
export interface LayerMarks {
  /** Names that the layer removes from those below it. */
  readonly whiteouts: readonly ByteString[];
  /** Directories whose content below it the layer hides. */
  readonly opaques: readonly ByteString[];
  /** Directories that the layer has no entry for: they keep the attributes of what is below. */
  readonly implied: readonly ByteString[];
  /** Hard links to files that only a layer below can have; they are not in `rootfs/`. */
  readonly links: readonly LayerLink[];
}

export interface LayerLink {
  readonly path: ByteString;
  readonly target: ByteString;
}

const WHERE = "marks.json";
/** A million paths of ordinary length. */
const MAX_BYTES = 256 * 1024 * 1024;

export function formatMarks({ whiteouts, opaques, implied, links }: LayerMarks): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ whiteouts, opaques, implied, links })}\n`);
}

export function parseMarks(bytes: Uint8Array): LayerMarks {
  const value = parseJson(bytes, { what: WHERE, maxBytes: MAX_BYTES });
  if (!isObject(value)) throw odd("it is no object");
  return {
    whiteouts: paths(value, "whiteouts"),
    opaques: paths(value, "opaques"),
    implied: paths(value, "implied"),
    links: list(value, "links").map((link) => {
      if (!isObject(link)) throw odd("links");
      return { path: path(link.path, "links"), target: path(link.target, "links") };
    }),
  };
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

function odd(key: string): LadingError {
  return new LadingError("store-corrupt", `${WHERE} is damaged: ${key}`);
}
