import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { digestAlgorithm, digestHex, parseDigest, shortDigest } from "../../src/oci/digest.ts";
import { digests, failure } from "./documents.ts";

describe("a digest", () => {
  it("is a registered algorithm and lower-case hex of its length", () => {
    expect(parseDigest(`sha256:${"a".repeat(64)}`)).toBe(`sha256:${"a".repeat(64)}`);
    expect(parseDigest(`sha512:${"0".repeat(128)}`)).toBe(`sha512:${"0".repeat(128)}`);
  });

  it("tells its algorithm, its hex and the twelve digits that people compare", () => {
    const digest = parseDigest(`sha512:${"0123456789abcdef".repeat(8)}`);
    expect(digestAlgorithm(digest)).toBe("sha512");
    expect(digestHex(digest)).toBe("0123456789abcdef".repeat(8));
    expect(shortDigest(digest)).toBe("0123456789ab");
  });

  it("is shown shortened when it is refused", () => {
    expect(failure(() => parseDigest("x".repeat(100_000)))?.message.length).toBeLessThan(200);
  });

  it.each([
    "sha256:../../../etc/passwd",
    `sha256:${"A".repeat(64)}`,
    `sha256:${"a".repeat(63)}`,
    `sha512:${"a".repeat(64)}`,
    `md5:${"a".repeat(32)}`,
    `sha256:${"a".repeat(64)}\n`,
    "a".repeat(64),
    "constructor:",
    "",
  ])("is refused when it is %j (CVE-2024-3727)", (text) => {
    expect(() => parseDigest(text)).toThrow(LadingError);
  });

  it("that is valid is taken, and every text one character away from it is refused", () => {
    fc.assert(
      fc.property(
        digests,
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 1 }),
        (text, at, other) => {
          expect(parseDigest(text)).toBe(text);
          const place = at % text.length;
          const changed = text.slice(0, place) + other + text.slice(place + 1);
          fc.pre(!/[0-9a-f]/.test(other) && other !== text[place]);
          expect(() => parseDigest(changed)).toThrow(LadingError);
          expect(() => parseDigest(text.slice(0, place))).toThrow(LadingError);
          expect(() => parseDigest(text + other)).toThrow(LadingError);
        },
      ),
    );
  });
});
