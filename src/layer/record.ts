import { LadingError } from "../errors.ts";
import { type DiffId, parseDiffId } from "../oci/digest.ts";
import { isObject, type JsonObject, type JsonValue, parseJson } from "../oci/json.ts";
import type { LayerMarks } from "./marks.ts";

/** Whether an unpacked layer can be used, and what it came to: `layer.json`, beside its `rootfs/`. */
export interface LayerSummary {
  readonly diffId: DiffId;
  /** The form's name: the same layer unpacked otherwise is another folder. */
  readonly form: string;
  /** Entries of the tar, whiteouts included. */
  readonly entries: number;
  /** Bytes that were written; holes are not. */
  readonly bytes: number;
  /** How much it says about the layers below it, in `marks.json`. */
  readonly marks: Readonly<Record<keyof LayerMarks, number>>;
  /** Whether it hides all of them. */
  readonly rootOpaque: boolean;
  /** Whether `rootfs/` holds whiteouts and opaque marks as overlayfs wants them. */
  readonly overlayNodes: boolean;
  /** What this form could not keep, and how often: `device node: 2`. */
  readonly lost: Readonly<Record<string, number>>;
  /** Whether every file was synced to disk. */
  readonly synced: boolean;
  /** The boot during which it was made: what was not synced is not trusted after another. */
  readonly bootId: string;
}

/** All about a layer that its files can't say. */
export interface LayerRecord {
  readonly summary: LayerSummary;
  readonly marks: LayerMarks;
}

const SCHEMA = 1;
const WHERE = "layer.json";
/** It has no lists in it: reading one costs a thread that others share next to nothing. */
export const MAX_SUMMARY_BYTES: number = 64 * 1024;

export function formatSummary(summary: LayerSummary): Uint8Array {
  const { diffId, form, entries, bytes, marks, rootOpaque, overlayNodes, lost, synced, bootId } =
    summary;
  const what = { diffId, form, entries, bytes, marks, rootOpaque, overlayNodes, lost };
  return new TextEncoder().encode(
    `${JSON.stringify({ schema: SCHEMA, ...what, synced, bootId })}\n`,
  );
}

/** Reads one back; anything odd means that the layer has to be unpacked again. */
export function parseSummary(bytes: Uint8Array): LayerSummary {
  const value = parseJson(bytes, { what: WHERE, maxBytes: MAX_SUMMARY_BYTES });
  if (!isObject(value) || value.schema !== SCHEMA) throw odd("schema");
  return {
    diffId: parseDiffId(text(value, "diffId")),
    form: text(value, "form"),
    entries: count(value, "entries"),
    bytes: count(value, "bytes"),
    marks: markCounts(value.marks),
    rootOpaque: value.rootOpaque === true,
    overlayNodes: value.overlayNodes === true,
    lost: losses(value.lost),
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

function markCounts(value: JsonValue | undefined): LayerSummary["marks"] {
  if (!isObject(value)) throw odd("marks");
  return {
    whiteouts: count(value, "whiteouts"),
    opaques: count(value, "opaques"),
    implied: count(value, "implied"),
    links: count(value, "links"),
  };
}

/** Told to people as it stands: no other words than the few that we write. */
function losses(value: JsonValue | undefined): LayerSummary["lost"] {
  if (!isObject(value)) throw odd("lost");
  const kinds = Object.keys(value);
  if (kinds.length > MOST_KINDS || !kinds.every((kind) => KIND.test(kind))) throw odd("lost");
  return Object.fromEntries(kinds.map((kind) => [kind, count(value, kind)]));
}

const KIND = /^[\w .,:*-]{1,80}$/;
const MOST_KINDS = 100;

function odd(key: string): LadingError {
  return new LadingError("store-corrupt", `${WHERE} is damaged: ${key}`);
}
