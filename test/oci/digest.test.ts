import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { parseDigest } from "../../src/oci/digest.ts";

describe("a digest", () => {
  it("is a registered algorithm and lower-case hex of its length", () => {
    expect(parseDigest(`sha256:${"a".repeat(64)}`)).toBe(`sha256:${"a".repeat(64)}`);
    expect(parseDigest(`sha512:${"0".repeat(128)}`)).toBe(`sha512:${"0".repeat(128)}`);
  });

  it.each([
    "sha256:../../../etc/passwd",
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(63)}`,
    `sha512:${"a".repeat(64)}`,
    `md5:${"a".repeat(32)}`,
    `sha256:${"a".repeat(64)}\n`,
    "a".repeat(64),
    "",
  ])("is refused when it is %j (CVE-2024-3727)", (text) => {
    expect(() => parseDigest(text)).toThrow(LadingError);
  });
});
