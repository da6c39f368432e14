import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { parseJson } from "../../src/oci/json.ts";

const limits = { what: "document", maxBytes: 100_000 };
const parse = (text: string | Uint8Array, more = {}) =>
  parseJson(typeof text === "string" ? Buffer.from(text) : text, { ...limits, ...more });

describe("JSON from outside", () => {
  it("is what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("is never read as anything else than JSON.parse reads, whatever the text", () => {
    const piece = fc.constantFrom(
      '"a"',
      '"b"',
      '"\\u0061"',
      '"\\"',
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      "1",
      "null",
      " ",
      "\\",
      '"',
    );
    const text = fc.array(piece, { maxLength: 24 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(text, fc.json(), fc.string()), (text) => {
        try {
          expect(parse(text)).toEqual(JSON.parse(text));
        } catch (error) {
          expect(error).toBeInstanceOf(LadingError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"x":[{"y":{"a":1,"b":{},"a":[]}}]}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
    '{"a\\"":1,"b":{"a\\"":2},"a\\"":3}',
  ])("names no key twice: %s", (text) => {
    expect(() => parse(text)).toThrow(/twice/);
  });

  it.each(['{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}', '{"a":"a","b":"a"}', '["a","a"]'])(
    "may name a key again elsewhere: %s",
    (text) => {
      expect(parse(text)).toEqual(JSON.parse(text));
    },
  );

  it("has no say over prototypes", () => {
    const value = parse('{"__proto__":{"polluted":true},"constructor":1}') as object;
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each([
    ["a byte order mark", Buffer.from('\ufeff{"a":1}')],
    ["bytes that are not UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["an overlong encoding", Buffer.from([0x22, 0xc0, 0x80, 0x22])],
    ["something after the document", Buffer.from("{} {}")],
    ["a NUL after the document", Buffer.from("{}\0")],
    ["a comment", Buffer.from("{/**/}")],
    ["a comma too many", Buffer.from("[1,]")],
    ["nothing", Buffer.from("")],
  ])("is refused with %s", (_what, bytes) => {
    expect(() => parse(bytes)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  it("is bounded in size and depth", () => {
    const tooLarge = expect.objectContaining({ code: "limit-exceeded" });
    expect(() => parse(`"${"x".repeat(100)}"`, { maxBytes: 100 })).toThrow(tooLarge);
    expect(parse("[".repeat(64) + "]".repeat(64))).toBeDefined();
    expect(() => parse("[".repeat(65) + "]".repeat(65))).toThrow(tooLarge);
    expect(() => parse("[".repeat(40_000) + "]".repeat(40_000))).toThrow(LadingError);
  });

  it("that is a web page is called one", () => {
    expect(() => parse("<html>log in</html>")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("web page") }),
    );
  });
});
