import { describe, expect, it } from "vitest";
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatTable,
  visible,
} from "../../src/cli/print/format.ts";

describe("amounts for people", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [364_000_000, "364 MB"],
    [10_000_000_000, "10.0 GB"],
    [Number.MAX_SAFE_INTEGER, "9.0 PB"],
    [-5, "0 B"],
  ])("writes %i bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, "0.0 s"],
    [9_940, "9.9 s"],
    [9_999, "10 s"],
    [59_499, "59 s"],
    [59_500, "1 min 0 s"],
    [200_000, "3 min 20 s"],
    [7_500_000, "2 h 5 min"],
  ])("writes %i ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it("says how long ago something was", () => {
    expect(formatAge(30_000)).toBe("just now");
    expect(formatAge(60_000)).toBe("1 minute ago");
    expect(formatAge(50 * 3_600_000)).toBe("2 days ago");
    expect(formatAge(-5)).toBe("just now");
  });

  it("aligns columns", () => {
    expect(
      formatTable([
        ["A", "B"],
        ["long", ""],
        ["x", "y"],
      ]),
    ).toBe("A     B\nlong\nx     y\n");
  });

  it("shows what would act on the terminal as an escape", () => {
    expect(visible("a\u001b[31mb\u0007\u009b\u202ec\nd")).toBe(
      "a\\u001b[31mb\\u0007\\u009b\\u202ec\\u000ad",
    );
    expect(visible("Straße 道路 🚢")).toBe("Straße 道路 🚢");
  });
});
