import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addSpan, contiguous, gaps, type Span, spannedBytes } from "../../src/content/spans.ts";

const SIZE = 60;
const span = fc
  .tuple(fc.nat(SIZE), fc.nat(SIZE))
  .map(([a, b]): Span => ({ start: Math.min(a, b), end: Math.max(a, b) }));

describe("spans", () => {
  it("hold exactly the bytes that were added, sorted and disjoint", () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 20 }), (added) => {
        const spans = added.reduce(addSpan, [] as readonly Span[]);
        const model = new Set(added.flatMap(({ start, end }) => numbers(start, end)));
        expect(spans.flatMap(({ start, end }) => numbers(start, end))).toEqual(
          [...model].sort((a, b) => a - b),
        );
        for (let i = 1; i < spans.length; i += 1) {
          expect(spans[i]?.start).toBeGreaterThan(spans[i - 1]?.end ?? 0);
        }
        expect(spannedBytes(spans)).toBe(model.size);
        expect(numbers(0, contiguous(spans)).every((byte) => model.has(byte))).toBe(true);
        expect(model.has(contiguous(spans))).toBe(false);
      }),
    );
  });

  it("and their gaps make up the whole", () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 20 }), (added) => {
        const spans = added.reduce(addSpan, [] as readonly Span[]);
        const all = gaps(spans, SIZE).reduce(addSpan, spans);
        expect(all).toEqual([{ start: 0, end: SIZE }]);
      }),
    );
  });
});

function numbers(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}
