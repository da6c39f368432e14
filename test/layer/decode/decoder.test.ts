import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../../src/errors.ts";
import { type Decoder, loadDecoders } from "../../../src/layer/decode/decoder.ts";
import { isalInflater, passes } from "../../../src/layer/decode/gzip/load.ts";
import { zlibMember } from "../../../src/layer/decode/gzip/zlib-member.ts";
import { built, runChild } from "../../child.ts";
import { decoded, outcome } from "./read.ts";

const create = await loadDecoders();
const text = Buffer.from("a layer, a layer, and another layer of files\n".repeat(400));
const helloZstd = Buffer.from("KLUv/QRYKQAAYWdhaW4sVld2", "base64");

function failure(action: () => void): LadingError {
  try {
    action();
  } catch (error) {
    if (error instanceof LadingError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a decoder", () => {
  it.each([
    ["gzip", gzipSync(text), text.toString()],
    ["zstd", helloZstd, "again"],
    ["none", text, text.toString()],
    ["none", Buffer.from("BZh: a file whose name begins like bzip2"), undefined],
    ["none", Buffer.from([0x1f]), undefined],
    ["none", Buffer.from("BZh9"), undefined],
    ["none", Buffer.alloc(0), ""],
  ])("tells %s by its first bytes, however they are split", (compression, bytes, content) => {
    for (const sizes of [[1], [2, 1], [4, 100], [9], [bytes.length]]) {
      let decoder: Decoder | undefined;
      const output = decoded((sink) => (decoder = create(sink)), bytes, sizes);
      expect(output.equals(content === undefined ? bytes : Buffer.from(content))).toBe(true);
      expect(decoder?.compression).toBe(compression);
    }
  });

  it("does not know before it can", () => {
    const decoder = create(() => {});
    expect(decoder.compression).toBeUndefined();
    decoder.push(Buffer.from([0x1f]));
    expect(decoder.compression).toBeUndefined();
    decoder.push(Buffer.from([0x8b]));
    expect(decoder.compression).toBe("gzip");
    decoder.close();
  });

  it("takes a skippable frame for zstd", () => {
    const skip = Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 1]);
    expect(decoded(create, Buffer.concat([skip, helloZstd]), [3]).toString()).toBe("again");
  });

  it.each([
    ["xz", Buffer.from("fd377a585a000000", "hex")],
    ["bzip2", Buffer.from("BZh91AY&SY")],
    ["bzip2", Buffer.from("425a6831177245385090", "hex")],
  ])("says that it does not read %s, and what to do", (name, bytes) => {
    for (const sizes of [[1], [bytes.length]]) {
      const error = failure(() => decoded(create, bytes, sizes));
      expect(error.code).toBe("unsupported");
      expect(error.message).toContain(name);
      expect(error.hint).toMatch(/gzip or zstd/);
    }
  });

  it("stops a ratio that is too high, once there is enough to tell, and names the option", () => {
    const bomb = gzipSync(Buffer.alloc(4_000_000));
    let given = 0;
    const decoder = create((bytes) => (given += bytes.length), { maxRatio: 100 });
    const error = failure(() => decoder.push(bomb));
    decoder.close();
    expect(error.code).toBe("limit-exceeded");
    expect(error.context.limit).toEqual({ name: "--max-ratio", value: 100 });
    expect(given).toBeGreaterThan(500_000);
    expect(given).toBeLessThan(1_500_000);
    const small = gzipSync(Buffer.alloc(1_000_000));
    expect(decoded((sink) => create(sink, { maxRatio: 100 }), small).length).toBe(1_000_000);
    expect(decoded((sink) => create(sink, { maxRatio: 2000 }), bomb).length).toBe(4_000_000);
    expect(decoded(create, bomb).length).toBe(4_000_000);
  });

  it("says the same again after it failed", () => {
    const decoder = create(() => {});
    const first = failure(() => decoder.push(Buffer.from("1f8b07", "hex")));
    expect(failure(() => decoder.push(text))).toBe(first);
    expect(failure(() => decoder.end())).toBe(first);
    decoder.close();
    decoder.close();
  });

  it("can't be used after its end, or once it was closed", () => {
    const ended = create(() => {});
    ended.end();
    expect(failure(() => ended.push(text)).code).toBe("internal");
    const closed = create(() => {});
    closed.close();
    expect(failure(() => closed.push(text)).code).toBe("internal");
  });

  it("hands out what it has before the end comes", () => {
    let given = 0;
    const decoder = create((bytes) => (given += bytes.length));
    decoder.push(gzipSync(text).subarray(0, -9));
    expect(given).toBeGreaterThan(text.length / 2);
    decoder.close();
  });
});

it.skipIf((await isalInflater()) === undefined)("does without ISA-L when told to", async () => {
  const script = (native: boolean): string => `
    import { readFileSync } from "node:fs";
    import { loadDecoders } from ${JSON.stringify(built("layer/decode/decoder.js"))};
    await loadDecoders({ native: ${native} });
    say(readFileSync("/proc/self/maps", "utf8").includes("libisal") ? "with" : "without");`;
  await runChild(script(true)).said("with");
  await runChild(script(false)).said("without");
});

it("notices a codec that does not do what it should", () => {
  expect(passes(zlibMember)).toBe(true);
  expect(passes((sink) => ({ ...zlibMember(sink), finish() {} }))).toBe(false);
  expect(passes((sink) => zlibMember((bytes) => sink(bytes.subarray(1))))).toBe(false);
  expect(
    passes(() => {
      throw new Error("missing");
    }),
  ).toBe(false);
});

it("gives the same codes with and without native help", async () => {
  const without = await loadDecoders({ native: false });
  const member = gzipSync(text);
  for (let length = 2; length < member.length; length += 7) {
    const bytes = member.subarray(0, length);
    expect(outcome(create, bytes)).toBe(outcome(without, bytes));
  }
});
