import { readFile } from "node:fs/promises";
import { addSpan, type Span } from "../../content/spans.ts";

/**
 * The journal of a download: one line each time, the spans that are written by then, as
 * `[[start,end],…]`. Lines are only appended; a torn last line (killed while writing) does not count,
 * the one before it does. It claims nothing that was not written before it. After a loss of power,
 * unlike after a kill, written bytes may be gone: the final digest finds that out.
 */
export function journalLine(spans: readonly Span[]): string {
  return `${JSON.stringify(spans.map(({ start, end }) => [start, end]))}\n`;
}

/** The spans of the last whole line, none beyond what the file holds. */
export async function readJournal(path: string, fileSize: number): Promise<readonly Span[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n").slice(0, -1).reverse();
  for (const line of lines) {
    const spans = parseLine(line);
    if (spans !== undefined) return clip(spans, fileSize);
  }
  return [];
}

function parseLine(line: string): readonly Span[] | undefined {
  if (!/^\[(?:\[[0-9]{1,16},[0-9]{1,16}\],?)*\]$/.test(line)) return undefined;
  const numbers = [...line.matchAll(/([0-9]+),([0-9]+)/g)];
  return numbers
    .map(([, start, end]) => ({ start: Number(start), end: Number(end) }))
    .reduce(addSpan, [] as readonly Span[]);
}

function clip(spans: readonly Span[], size: number): readonly Span[] {
  return spans
    .map(({ start, end }) => ({ start, end: Math.min(end, size) }))
    .filter(({ start, end }) => start < end);
}
