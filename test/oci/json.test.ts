import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { isObject, parseJson } from "../../src/oci/json.ts";
import { failure } from "./documents.ts";

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
    '{"\\u0061":1,"a":2}',
    '{"\\u0061":1,"\\u0061":2}',
    '{"\\/":1,"/":2}',
    '{"\\ud83d\\ude00":1,"😀":2}',
    '{"a":{},"b":[1,{"c":2}],"a":{}}',
    '{ "a" : 1 ,\n "a" : 2 }',
    '{"a":"}","a":"{"}',
    '{"__proto__":1,"\\u005f_proto__":2}',
    '[[],[{"x":"\\\\"},{"a":1,"a":1}]]',
  ])("names no key twice: %s", (text) => {
    expect(() => parse(text)).toThrow(/twice/);
  });

  it("names no key twice in any object, however deep, and however the key is written", () => {
    const keys = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1, maxKeys: 4 });
    const wrapped = fc.array(fc.constantFrom("[0,", '{"k":1,"in":', "["), { maxLength: 20 });
    fc.assert(
      fc.property(keys, fc.nat(), fc.boolean(), wrapped, (object, which, escaped, wraps) => {
        const names = Object.keys(object);
        const again = names[which % names.length] ?? "";
        const inner = `${JSON.stringify(object).slice(0, -1)},${quoted(again, escaped)}:0}`;
        const closed = wraps.map((wrap) => (wrap.startsWith("{") ? "}" : "]")).reverse();
        const text = [...wraps, inner, ...closed].join("");
        expect(() => JSON.parse(text)).not.toThrow();
        expect(() => parse(text)).toThrow(/twice/);
      }),
    );
  });

  it("is read whenever JSON.parse reads it and no rule of ours is broken", () => {
    const space = fc.constantFrom("", " ", "\n\t", "\r\n");
    fc.assert(
      fc.property(fc.json(), space, (text, blank) => {
        expect(parse(blank + text + blank)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("that is damaged is never read as anything else than JSON.parse reads", () => {
    const change = fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\ea0u.- '));
    fc.assert(
      fc.property(fc.json(), fc.array(change, { minLength: 1, maxLength: 3 }), (json, changes) => {
        const characters = [...json];
        for (const [at, character] of changes) characters[at % characters.length] = character;
        const text = characters.join("");
        let value: unknown;
        if (failure(() => (value = parse(text))) === undefined) {
          expect(value).toEqual(JSON.parse(text));
        }
      }),
      { numRuns: 3000 },
    );
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
    expect((value as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each([
    ["a byte order mark", Buffer.from('\ufeff{"a":1}')],
    ["a byte order mark of UTF-16", Buffer.from('\ufeff{"a":1}', "utf16le")],
    ["a byte order mark after white space", Buffer.from(" \ufeff{}")],
    ["bytes that are not UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["half a character", Buffer.from([0x22, 0xe2, 0x82, 0x22])],
    ["half a surrogate pair in UTF-8", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ["an overlong encoding", Buffer.from([0x22, 0xc0, 0x80, 0x22])],
    ["something after the document", Buffer.from("{} {}")],
    ["a NUL after the document", Buffer.from("{}\0")],
    ["a comment", Buffer.from("{/**/}")],
    ["a comma too many", Buffer.from("[1,]")],
    ["a line break in a string", Buffer.from('"\n"')],
    ["a number that starts with zero", Buffer.from("01")],
    ["NaN", Buffer.from("NaN")],
    ["a quote of another kind", Buffer.from("{'a':1}")],
    ["an end that is missing", Buffer.from('{"a":[1')],
    ["white space alone", Buffer.from(" \n")],
    ["nothing", Buffer.from("")],
  ])("is refused with %s", (_what, bytes) => {
    expect(() => parse(bytes)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  it("is bounded in size and depth", () => {
    const tooLarge = expect.objectContaining({ code: "limit-exceeded" });
    expect(parse(`"${"x".repeat(98)}"`, { maxBytes: 100 })).toHaveLength(98);
    expect(() => parse(`"${"x".repeat(99)}"`, { maxBytes: 100 })).toThrow(tooLarge);
    // Bytes count, not characters.
    expect(() => parse(`"${"é".repeat(50)}"`, { maxBytes: 100 })).toThrow(tooLarge);
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
      ['[{"a":', "}]"],
    ] as const) {
      const levels = open.startsWith("[{") ? 2 : 1;
      const nested = (depth: number) =>
        `${open.repeat(depth / levels)}1${close.repeat(depth / levels)}`;
      expect(parse(nested(64))).toBeDefined();
      expect(() => parse(nested(64 + levels))).toThrow(tooLarge);
      expect(parse(nested(2), { maxDepth: 2 })).toBeDefined();
      expect(() => parse(nested(2), { maxDepth: 1 })).toThrow(tooLarge);
    }
    expect(() => parse("[".repeat(40_000) + "]".repeat(40_000))).toThrow(tooLarge);
    // Closed lists do not add up.
    expect(parse(`[${"[],{},".repeat(1000)}[]]`)).toHaveLength(2001);
  });

  it("is refused in a few words", () => {
    const key = JSON.stringify("k".repeat(10_000));
    expect(failure(() => parse(`{${key}:1,${key}:2}`))?.message.length).toBeLessThan(200);
  });

  it("is an object only when it is neither null nor a list", () => {
    expect([{}, { a: 1 }].map(isObject)).toEqual([true, true]);
    expect([null, [], "", 0, true, undefined].map(isObject)).toEqual(Array(6).fill(false));
  });

  it("that is a web page is called one", () => {
    const page = expect.objectContaining({ hint: expect.stringContaining("web page") });
    expect(() => parse("\n <html>log in</html>")).toThrow(page);
    expect(() => parse("log <b>in</b>")).toThrow(
      expect.objectContaining({ hint: expect.not.stringContaining("web page") }),
    );
  });
});

/** A key as JSON, or with each of its characters escaped. */
function quoted(key: string, escaped: boolean): string {
  if (!escaped) return JSON.stringify(key);
  const units = Array.from({ length: key.length }, (_, at) => key.charCodeAt(at));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")}"`;
}
