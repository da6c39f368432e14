import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDuration } from "../../../src/registry/settings/duration.ts";

describe("a duration", () => {
  it.each([
    ["0", 0],
    ["0s", 0],
    ["5s", 5000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["2.s", 2000],
    ["250ms", 250],
    ["880µs", 0.88],
    ["880\u03bcs", 0.88],
    ["1000us", 1],
    ["1000000ns", 1],
    ["-3s", -3000],
    ["+3s", 3000],
    ["1h2m3s4ms", 3_723_004],
  ])("%s is %s ms", (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 9);
  });

  it.each(["", "5", "s", "5 s", "1d", "5S", "1e3s", ".s", "--1s", "0x1s", "1s\n", "∞s"])(
    "%j is none",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it("of whole parts is their sum, in whatever order they stand", () => {
    const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
    const part = fc.tuple(fc.nat(1000), fc.constantFrom("h", "m", "s", "ms"));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        const sum = parts.reduce((total, [n, unit]) => total + n * units[unit], 0);
        expect(parseDuration(parts.map(([n, unit]) => `${n}${unit}`).join(""))).toBe(sum);
      }),
    );
  });

  it("is read in no time, however long the text", () => {
    expect(parseDuration("1".repeat(1_000_000))).toBeUndefined();
  });
});
