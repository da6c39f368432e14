import { randomBytes } from "node:crypto";
import { constants, deflateRawSync, gunzipSync, gzipSync, crc32 as nodeCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../src/layer/decode/gzip/crc32.ts";
import {
  type CreateInflater,
  isalInflater,
  passes,
  plainInflater,
} from "../../../src/layer/decode/gzip/load.ts";
import { gzipMembers } from "../../../src/layer/decode/gzip/members.ts";
import { zlibMember } from "../../../src/layer/decode/gzip/zlib-member.ts";
import type { Sink, Stage } from "../../../src/layer/decode/stage.ts";
import { decoded, outcome } from "./read.ts";

const isal = await isalInflater();
const ENGINES: readonly (readonly [string, CreateInflater | undefined])[] = [
  ["Node's zlib", zlibMember],
  ["ISA-L", isal],
  ["JavaScript", plainInflater],
];

const text = Buffer.from("a layer, a layer, and another layer of files\n".repeat(400));
const noise = randomBytes(3000);

/** A member with every part that a header may have. */
function memberWithAll(content: Uint8Array, { method = 8, reserved = 0 } = {}): Buffer {
  const fields = Buffer.concat([
    Buffer.from([0x1f, 0x8b, method, 0x02 | 0x04 | 0x08 | 0x10 | reserved, 1, 2, 3, 4, 0, 3]),
    Buffer.from([5, 0, ...Buffer.from("extra")]),
    Buffer.from("name\0"),
    Buffer.from("comment\0"),
  ]);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(content), 0);
  tail.writeUInt32LE(content.length, 4);
  const check = Buffer.alloc(2);
  check.writeUInt16LE(crc32(fields) & 0xffff);
  return Buffer.concat([fields, check, deflateRawSync(content), tail]);
}

const contents = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(fc.string({ maxLength: 20 }), fc.nat(2000))
        .map(([one, n]) => Buffer.from(one.repeat(n))),
    ),
    { maxLength: 4 },
  )
  .map((parts) => Buffer.concat(parts));

const members = fc
  .tuple(
    contents,
    fc.record({
      level: fc.integer({ min: 0, max: 9 }),
      strategy: fc.constantFrom(
        constants.Z_DEFAULT_STRATEGY,
        constants.Z_HUFFMAN_ONLY,
        constants.Z_RLE,
        constants.Z_FIXED,
      ),
      memLevel: fc.integer({ min: 1, max: 9 }),
    }),
  )
  .map(([content, options]) => gzipSync(content, options));

const steps = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5000 })),
  {
    minLength: 1,
    maxLength: 5,
  },
);

describe.each(ENGINES)("gzip by %s", (name, engine) => {
  const create = (sink: Sink): Stage => gzipMembers((engine ?? zlibMember)(sink));
  const test = it.skipIf(engine === undefined);

  test("passes its own trial", () => {
    expect(engine && passes(engine)).toBe(true);
  });

  test("decodes any members, split anywhere, as zlib does", () => {
    fc.assert(
      fc.property(fc.array(members, { minLength: 1, maxLength: 4 }), steps, (parts, sizes) => {
        const whole = Buffer.concat(parts);
        expect(decoded(create, whole, sizes).equals(gunzipSync(whole))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test("gives more than a buffer holds, and runs of zeros at gzip's best ratio", () => {
    const content = Buffer.concat([Buffer.alloc(3_000_000), noise, Buffer.alloc(700_000, text)]);
    expect(decoded(create, gzipSync(content)).equals(content)).toBe(true);
  });

  test("reads a header with all its parts, a byte at a time", () => {
    const whole = Buffer.concat([memberWithAll(text), memberWithAll(Buffer.from("x"))]);
    expect(decoded(create, whole, [1]).toString()).toBe(`${text}x`);
    for (let at = 1; at < 40; at += 1) {
      expect(decoded(create, whole, [at, whole.length]).toString()).toBe(`${text}x`);
    }
  });

  test("refuses a method it does not know, flags it does not know, and a header that was changed", () => {
    expect(outcome(create, memberWithAll(text, { method: 7 }))).toBe("malformed");
    expect(outcome(create, memberWithAll(text, { reserved: 0x20 }))).toBe("malformed");
    const changed = memberWithAll(text);
    changed[20] = 0x21;
    expect(outcome(create, changed)).toBe("malformed");
  });

  test("drops what follows the last member, however it is split", () => {
    const member = gzipSync(text);
    for (const rest of [
      Buffer.alloc(1000),
      Buffer.from("rubbish"),
      Buffer.from([0x1f]),
      Buffer.from([0x1f, 0x1f, 0x8b]),
    ]) {
      const whole = Buffer.concat([member, rest]);
      for (const sizes of [[whole.length], [member.length, 1], [1], [member.length + 1, 9]]) {
        expect(decoded(create, whole, sizes).equals(text)).toBe(true);
      }
    }
  });

  test("says malformed wherever it is cut", () => {
    const first = gzipSync("first");
    const whole = Buffer.concat([first, gzipSync(Buffer.concat([text, noise.subarray(0, 300)]))]);
    for (let length = 2; length < whole.length; length += 1) {
      // After a member, or one byte into the next, which may be rubbish, it is whole.
      const fine = length === first.length || length === first.length + 1;
      const got = outcome(create, whole.subarray(0, length), [length]);
      expect(fine ? got.toString() : got).toBe(fine ? "first" : "malformed");
    }
  });

  test("says malformed for each bit of the trailer that is wrong", () => {
    const member = gzipSync(text);
    for (let bit = 0; bit < 64; bit += 1) {
      const wrong = Buffer.from(member);
      const at = member.length - 8 + (bit >> 3);
      wrong[at] = (wrong[at] ?? 0) ^ (1 << (bit & 7));
      expect(outcome(create, wrong)).toBe("malformed");
    }
  });

  test("agrees with zlib on members with bits flipped", () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(members, flips, steps, (member, places, sizes) => {
        const changed = Buffer.from(member);
        for (const [place, bit] of places) {
          // Past the magic, for without it there is no member.
          const at = 2 + (place % (changed.length - 2));
          changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        }
        const expected = outcome((sink) => gzipMembers(zlibMember(sink)), changed);
        const got = outcome(create, changed, sizes);
        if (name === "ISA-L" && expected === "malformed" && typeof got !== "string") {
          // It does not mind a code with code words that nothing uses; the content is whole then.
          expect(got).toEqual(gunzipSync(member));
        } else expect(got).toEqual(expected);
      }),
      { numRuns: 400 },
    );
  });

  test("survives rubbish behind a magic", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), steps, (rest, sizes) => {
        const bytes = Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]), rest]);
        expect(outcome(create, bytes, sizes)).toBe("malformed");
      }),
      { numRuns: 300 },
    );
  });

  test("lets the sink's error through", () => {
    const failing = create(() => {
      throw new RangeError("full");
    });
    expect(() => failing.push(gzipSync(text))).toThrow(RangeError);
    failing.close();
  });

  test("can be closed twice, and in the middle", () => {
    const stage = create(() => {});
    stage.push(gzipSync(text).subarray(0, 50));
    stage.close();
    stage.close();
  });
});

it.skipIf(nodeCrc32 === undefined)("crc32 is Node's", () => {
  for (const bytes of [Buffer.alloc(0), text, noise]) expect(crc32(bytes)).toBe(nodeCrc32(bytes));
});
