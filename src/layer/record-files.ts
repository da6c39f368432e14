import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatMarks, type LayerMarks, parseMarks } from "./marks.ts";
import { formatSummary, type LayerRecord, parseSummary } from "./record.ts";

/** In a layer's folder, beside its `rootfs/`. */
export const SUMMARY = "layer.json";
const MARKS = "marks.json";

/** Writes a layer's record into its folder; for the threads that write layers. */
export function writeRecord(folder: string, { summary, marks }: LayerRecord, flush: boolean): void {
  const options = { mode: 0o600, flush };
  writeFileSync(join(folder, MARKS), formatMarks(marks), options);
  writeFileSync(join(folder, SUMMARY), formatSummary(summary), options);
}

export function readRecord(folder: string): LayerRecord {
  const summary = parseSummary(readFileSync(join(folder, SUMMARY)));
  return { summary, marks: readMarks(folder) };
}

export function readMarks(folder: string): LayerMarks {
  return parseMarks(readFileSync(join(folder, MARKS)));
}

/** For a staging that says nothing about what is below it. */
export function writeNoMarks(folder: string): void {
  const none: LayerMarks = { whiteouts: [], opaques: [], implied: [], links: [] };
  writeFileSync(join(folder, MARKS), formatMarks(none), { mode: 0o600 });
}

export function copyMarks(from: string, to: string): void {
  copyFileSync(join(from, MARKS), join(to, MARKS));
}
