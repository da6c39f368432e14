import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../../src/errors.ts";
import type { Sink, Stage } from "../../../src/layer/decode/stage.ts";
import { zstdFrames } from "../../../src/layer/decode/zstd/frames.ts";
import { fzstdFrames } from "../../../src/layer/decode/zstd/fzstd-frames.ts";
import {
  type CreateFrameDecoder,
  nativeFrames,
  passes,
} from "../../../src/layer/decode/zstd/load.ts";
import { zlibFrames } from "../../../src/layer/decode/zstd/zlib-frames.ts";
import { decoded, outcome } from "./read.ts";

const hasNode = passes(zlibFrames);
const ENGINES: readonly (readonly [string, CreateFrameDecoder | undefined])[] = [
  ["Node's zstd", hasNode ? zlibFrames : undefined],
  ["@cloudpss/zstd", await nativeFrames()],
  ["fzstd", fzstdFrames],
];

function zstd(content: Uint8Array, ...options: string[]): Buffer {
  return execFileSync("zstd", ["-q", "-c", ...options], { input: content, maxBuffer: 1 << 26 });
}

function hasTool(): boolean {
  try {
    zstd(Buffer.from("x"));
    return true;
  } catch {
    return false;
  }
}
const tool = hasTool();

/** A frame by hand: stored blocks, the last one marked (RFC 8878, 3.1.1). */
function frame(header: readonly number[], ...blocks: Buffer[]): Buffer {
  const bodies = blocks.map((block, at) => {
    const head = Buffer.alloc(3);
    head.writeUIntLE((block.length << 3) | (at === blocks.length - 1 ? 1 : 0), 0, 3);
    return Buffer.concat([head, block]);
  });
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...header]), ...bodies]);
}

function skippable(content: Uint8Array, number = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50 + number, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
}

const text = Buffer.from("a layer, a layer, and another layer of files\n".repeat(400));
/** Window of 1 KiB, no checksum, no size. */
const SMALL = [0x00, 0x00];
const hello = frame(SMALL, Buffer.from("hel"), Buffer.from("lo"));

const steps = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5000 })),
  {
    minLength: 1,
    maxLength: 5,
  },
);

describe.each(ENGINES)("zstd by %s", (name, engine) => {
  const create = (sink: Sink): Stage => zstdFrames((engine ?? fzstdFrames)(sink));
  const test = it.skipIf(engine === undefined);
  const withTool = it.skipIf(engine === undefined || !tool);

  test("decodes frames back to back, with skippable ones before, between and after", () => {
    const whole = Buffer.concat([
      skippable(randomBytes(300)),
      hello,
      skippable(Buffer.alloc(0), 15),
      hello,
      skippable(Buffer.from("end"), 7),
    ]);
    for (const sizes of [[1], [3], [whole.length], [310, 1, 2]]) {
      expect(decoded(create, whole, sizes).toString()).toBe("hellohello");
    }
  });

  withTool("decodes what zstd makes, split anywhere", () => {
    const frames = [
      zstd(text),
      zstd(Buffer.alloc(0)),
      zstd(Buffer.concat([Buffer.alloc(2_000_000), randomBytes(200_000), text]), "-1"),
      zstd(text, "-19", "--no-check"),
      zstd(text, "--no-content-size", "--long=27"),
    ];
    const whole = Buffer.concat(frames);
    const expected = execFileSync("zstd", ["-dc"], { input: whole, maxBuffer: 1 << 26 });
    fc.assert(
      fc.property(steps, (sizes) => {
        expect(decoded(create, whole, [...sizes, 100_000]).equals(expected)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  test("says malformed wherever it is cut", () => {
    const whole = Buffer.concat([hello, skippable(Buffer.from("skipped")), hello]);
    const ends = [0, hello.length, hello.length + 15, whole.length];
    for (let length = 1; length < whole.length; length += 1) {
      const got = outcome(create, whole.subarray(0, length), [length]);
      expect(typeof got === "string" ? got : "fine").toBe(
        ends.includes(length) ? "fine" : "malformed",
      );
    }
  });

  withTool("says malformed for a wrong checksum", () => {
    const wrong = zstd(text, "--check");
    wrong.writeUInt8(wrong.readUInt8(wrong.length - 1) ^ 1, wrong.length - 1);
    // In JavaScript it is left to the diff ID.
    expect(outcome(create, wrong)).toEqual(name === "fzstd" ? text : "malformed");
  });

  withTool("gives bytes or malformed, and nothing else, when bits are flipped", () => {
    const whole = Buffer.concat([zstd(text, "-3"), hello]);
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(7)), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(flips, steps, (places, sizes) => {
        const changed = Buffer.from(whole);
        for (const [at, bit] of places) changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        const got = outcome(create, changed, sizes);
        if (typeof got === "string") {
          expect(["malformed", "limit-exceeded", "unsupported"]).toContain(got);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("lets the sink's error through", () => {
    const failing = create(() => {
      throw new RangeError("full");
    });
    expect(() => failing.push(hello)).toThrow(RangeError);
    failing.close();
  });

  test("can be closed twice, and in the middle", () => {
    const stage = create(() => {});
    stage.push(hello.subarray(0, 12));
    stage.close();
    stage.close();
  });
});

describe("zstd's frames", () => {
  const passed: number[] = [];
  const create = (): Stage =>
    zstdFrames({
      write: (_bytes, start, end) => passed.push(end - start),
      endFrame() {},
      close() {},
    });
  const refused = (bytes: Uint8Array): string => {
    passed.length = 0;
    const stage = create();
    try {
      stage.push(bytes);
      stage.end();
      return "accepted";
    } catch (error) {
      if (!(error instanceof LadingError)) throw error;
      return error.code;
    }
  };
  const block = Buffer.from("x");
  const size = (bytes: bigint): number[] => {
    const field = Buffer.alloc(8);
    field.writeBigUInt64LE(bytes);
    return [...field];
  };

  it("may need a window of 128 MiB, and not a byte more", () => {
    expect(refused(frame([0x00, 17 << 3], block))).toBe("accepted");
    expect(refused(frame([0x00, (17 << 3) | 1], block))).toBe("limit-exceeded");
    expect(refused(frame([0x00, 0xff], block))).toBe("limit-exceeded");
    expect(passed).toEqual([]);
  });

  it("have their content as their window when they are a single segment", () => {
    const cap = 128n * 1024n * 1024n;
    expect(refused(frame([0xe0, ...size(cap)], block))).toBe("accepted");
    expect(refused(frame([0xe0, ...size(cap + 1n)], block))).toBe("limit-exceeded");
    expect(refused(frame([0xe0, ...size(2n ** 64n - 1n)], block))).toBe("limit-exceeded");
    expect(refused(frame([0x20, 1], block))).toBe("accepted");
    expect(passed).toEqual([6, 4]);
  });

  it("may name no dictionary, save number 0", () => {
    expect(refused(frame([0x01, 0, 7], block))).toBe("unsupported");
    expect(refused(frame([0x03, 0, 0, 0, 0, 1], block))).toBe("unsupported");
    expect(refused(frame([0x02, 0, 0, 0], block))).toBe("accepted");
  });

  it("have no reserved bit, block type or larger block, and nothing between them", () => {
    expect(refused(frame([0x08, 0], block))).toBe("malformed");
    expect(refused(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 7, 0, 0]))).toBe("malformed");
    expect(refused(frame(SMALL, Buffer.alloc(128 * 1024 + 1)))).toBe("malformed");
    expect(refused(Buffer.concat([hello, Buffer.alloc(4)]))).toBe("malformed");
  });
});
