/** A range of bytes: `start` inclusive, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Adds a span to sorted, disjoint spans; touching ones become one. */
export function addSpan(spans: readonly Span[], added: Span): readonly Span[] {
  if (added.end <= added.start) return spans;
  const before = spans.filter((span) => span.end < added.start);
  const after = spans.filter((span) => span.start > added.end);
  const touching = spans.slice(before.length, spans.length - after.length);
  const start = Math.min(added.start, touching[0]?.start ?? added.start);
  const end = Math.max(added.end, touching.at(-1)?.end ?? added.end);
  return [...before, { start, end }, ...after];
}

/** Whether any byte of a span is held already. */
export function overlaps(spans: readonly Span[], { start, end }: Span): boolean {
  return spans.some((span) => span.start < end && start < span.end);
}

/** How many bytes are held from zero on without a gap. */
export function contiguous(spans: readonly Span[]): number {
  const first = spans[0];
  return first !== undefined && first.start === 0 ? first.end : 0;
}

/** What is missing of `[0, size)`. */
export function gaps(spans: readonly Span[], size: number): readonly Span[] {
  const missing: Span[] = [];
  let at = 0;
  for (const span of spans) {
    if (span.start >= size) break;
    if (span.start > at) missing.push({ start: at, end: span.start });
    at = Math.max(at, span.end);
  }
  if (at < size) missing.push({ start: at, end: size });
  return missing;
}

export function spannedBytes(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + span.end - span.start, 0);
}
