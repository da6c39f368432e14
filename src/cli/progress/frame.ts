import { shortDigest } from "../../oci/digest.ts";
import { formatBytes, formatCount, formatRate } from "../print/format.ts";
import { bar } from "./bar.ts";
import { holder } from "./notice.ts";
import {
  type BlobProgress,
  isComplete,
  isHeld,
  isShown,
  type ProgressState,
  type ReferenceProgress,
  totals,
} from "./state.ts";
import { type Pace, statusOf, type Tone, toneOf, totalStatus } from "./status.ts";

/** What a frame is drawn for. */
export interface View extends Pace {
  readonly columns: number;
  readonly rows: number;
  readonly unicode: boolean;
}

/** One line: text of at most the window's width, and what it is, for its colour. */
export interface FrameLine {
  readonly text: string;
  readonly tone: Tone;
}

const LABEL = 12;
const SIZES = 19;
const STATUS = 24;
const MAX_BAR = 40;
const MIN_BAR = 6;

/** The picture of a pull: its references, a line for each layer, a total. Never taller than the window. */
export function pullFrame(state: ProgressState, view: View): readonly FrameLine[] {
  const blobs = [...state.blobs.values()].filter(isShown);
  const head = headLines(state);
  const tail = blobs.length > 0 ? [totalLine(state, view)] : [];
  // One row stays free: the cursor rests below the picture.
  const room = Math.max(1, view.rows - 1);
  const space = Math.max(0, room - head.length - tail.length);
  const lines = [...head, ...blobLines(blobs, space, view), ...tail];
  return lines.slice(-room).map((line) => cut(line, view.columns));
}

/** The picture of a verification: how much has been hashed. */
export function verifyFrame(state: ProgressState, view: View): readonly FrameLine[] {
  const { offset, complete } = totals(state);
  const speed = view.totalRate === undefined ? "" : `  ${formatRate(view.totalRate)}`;
  const lock = waitLines(state);
  const text = `verified ${formatCount(complete, "blob")}, ${formatBytes(offset)}${speed}`;
  return [...lock, { text, tone: "active" } as const].map((line) => cut(line, view.columns));
}

function headLines(state: ProgressState): FrameLine[] {
  const open = [...state.references.values()].filter(({ phase }) => phase !== "done");
  return [...open.map(referenceLine), ...waitLines(state)];
}

function referenceLine({ reference, phase, digest }: ReferenceProgress): FrameLine {
  if (phase === "resolving" || digest === undefined) {
    return { text: `${reference}  resolving`, tone: "plain" };
  }
  return { text: `${reference}  ${shortDigest(digest)}`, tone: "plain" };
}

function waitLines({ blocked, layerWaits }: ProgressState): FrameLine[] {
  const waits = blocked === undefined ? [] : [`${holder(blocked.pid)}, which ${blocked.doing}`];
  const [pid] = layerWaits.values();
  if (layerWaits.size > 0) {
    waits.push(`${holder(pid)}, which unpacks ${formatCount(layerWaits.size, "layer")}`);
  }
  return waits.map((wait) => ({ text: `waiting for ${wait}`, tone: "alert" }));
}

/** All blobs if they fit; else those that move, then those to come, and one line about the others. */
function blobLines(blobs: readonly BlobProgress[], space: number, view: View): FrameLine[] {
  if (blobs.length <= space) return blobs.map((blob) => blobLine(blob, view));
  if (space === 0) return [];
  const ranked = [...blobs].sort((a, b) => interest(b) - interest(a));
  const chosen = new Set(ranked.slice(0, space - 1));
  const hidden = blobs.filter((blob) => !chosen.has(blob));
  const done = hidden.filter(isComplete).length;
  const text = `${" ".repeat(LABEL)}  and ${hidden.length} more, ${done} of them done`;
  const shown = blobs.filter((blob) => chosen.has(blob));
  return [...shown.map((blob) => blobLine(blob, view)), { text, tone: "dim" }];
}

function interest(blob: BlobProgress): number {
  if (isComplete(blob)) return 0;
  return blob.phase === "queued" ? 1 : 2;
}

function blobLine(blob: BlobProgress, view: View): FrameLine {
  const tone = toneOf(blob);
  const fraction = fractionOf(blob.offset, blob, isHeld(blob));
  const unpacked = blob.unpack && fractionOf(blob.unpack.offset, blob, isComplete(blob));
  const sizes = isHeld(blob) || blob.phase === "queued" ? "" : `${formatBytes(blob.offset)} / `;
  const text = row(
    {
      label: shortDigest(blob.digest),
      fraction,
      unpacked,
      sizes: `${sizes}${formatBytes(blob.size)}`,
      status: statusOf(blob, view),
    },
    view,
  );
  return { text, tone };
}

function fractionOf(bytes: number, { size }: BlobProgress, all: boolean): number {
  return size === 0 ? (all ? 1 : 0) : bytes / size;
}

function totalLine(state: ProgressState, view: View): FrameLine {
  const all = totals(state);
  const { size, offset, layers, complete, unpacked } = all;
  const text = row(
    {
      label: `total ${complete}/${layers}`,
      fraction: size === 0 ? 0 : offset / size,
      unpacked: unpacked && unpacked / size,
      sizes: `${formatBytes(offset)} / ${formatBytes(size)}`,
      status: totalStatus(state, all, view),
    },
    view,
  );
  return { text, tone: "plain" };
}

interface Row {
  readonly label: string;
  readonly fraction: number;
  /** Of all: what is unpacked; `undefined` where nothing is to be. */
  readonly unpacked: number | undefined;
  readonly sizes: string;
  readonly status: string;
}

/** A row in columns. In a narrow window the sizes become a percentage, then the bar goes too. */
function row(content: Row, { columns, unicode }: View): string {
  const { label, fraction, unpacked, sizes, status } = content;
  const percent = `${Math.floor(100 * Math.min(1, fraction))}%`.padStart(4);
  const wide = barWidth(columns, SIZES);
  const narrow = barWidth(columns, percent.length);
  const named = label.padEnd(LABEL);
  if (wide >= MIN_BAR) {
    return `${named}  ${bar(fraction, wide, unicode, unpacked)}  ${sizes.padStart(SIZES)}  ${status}`;
  }
  if (narrow >= MIN_BAR)
    return `${named}  ${bar(fraction, narrow, unicode, unpacked)}  ${percent}  ${status}`;
  return `${named}  ${percent}  ${status}`;
}

function barWidth(columns: number, amounts: number): number {
  return Math.min(MAX_BAR, columns - 1 - LABEL - amounts - STATUS - 3 * 2);
}

/** A character in the last column would make some terminals wrap. */
function cut(line: FrameLine, columns: number): FrameLine {
  const text = line.text.trimEnd();
  return text.length < columns ? { ...line, text } : { ...line, text: text.slice(0, columns - 1) };
}
