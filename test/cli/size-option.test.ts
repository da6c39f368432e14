import { describe, expect, it } from "vitest";
import { byteSize } from "../../src/cli/size-option.ts";

const read = (size: string): number | undefined => byteSize({ maxBytes: size }, "maxBytes");

describe("a size on the command line", () => {
  it.each([
    ["1", 1],
    ["500000", 500_000],
    ["64K", 64 * 1024],
    ["64KiB", 64 * 1024],
    ["3M", 3 * 1024 ** 2],
    ["3MiB", 3 * 1024 ** 2],
    ["10G", 10 * 1024 ** 3],
    ["2TiB", 2 * 1024 ** 4],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
    ["8191T", 8191 * 1024 ** 4],
  ])("%s is %i bytes", (size, bytes) => {
    expect(read(size)).toBe(bytes);
  });

  it.each([
    "0",
    "0K",
    "-1",
    "+1",
    "1.5e3",
    "1e3",
    "1.5G",
    "0x10",
    "K",
    "1KB",
    "1k",
    "1iB",
    "1P",
    "1 K",
    " 1",
    "1K\n",
    "9007199254740992",
    "8192T",
    "9999999999999999T",
    "00000000000000001",
  ])("%j is none", (size) => {
    expect(() => read(size)).toThrowError(
      expect.objectContaining({
        code: "usage",
        message: expect.stringContaining("--max-bytes is a size"),
        hint: expect.stringContaining("64KiB"),
      }),
    );
  });

  it("may be left out", () => {
    expect(byteSize({}, "maxBytes")).toBeUndefined();
  });
});
