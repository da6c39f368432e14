import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import { TarReader } from "../../src/tar/reader.ts";
import { end, header, pax, read, record, tar } from "./archive.ts";

describe("a malformed tar is an error with the entry's number and place", () => {
  const good = header({ name: "good" });
  const sparse10 = pax(
    ["GNU.sparse.major", "1"],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.realsize", "9"],
  );
  const sparse = (count: string, spans: string) =>
    Buffer.concat([sparse10, header({}, `${count}\n${spans}`.padEnd(512, "\0"))]);
  it.each([
    ["a wrong checksum", Buffer.from(good).fill("x", 0, 1)],
    ["a number that is not octal", header({ size: "00000000009\0" })],
    ["a negative size", header({ size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" })],
    ["a size beyond all", header({ size: "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" })],
    ["an unknown type", header({ flag: "Q" })],
    ["a directory with content", header({ name: "dir/" }, "content")],
    ["a pax record that is too long", header({ flag: "x" }, "99 path=x\n")],
    ["a pax record without a key", header({ flag: "x" }, "6 =x\n\n")],
    ["a pax record without an end", header({ flag: "x" }, "10 path=xx")],
    ["a pax length with a sign", header({ flag: "x" }, "+9 path=x\n")],
    ["a pax length with a zero before it", header({ flag: "x" }, "010 path=x\n")],
    ["a NUL in a pax path", Buffer.concat([pax(["path", "a\0b"]), good])],
    ["a pax size that is no number", Buffer.concat([pax(["size", "1e3"]), good])],
    ["a pax time that is none", Buffer.concat([pax(["mtime", "yesterday"]), good])],
    ["an owner beyond all (CVE-2024-40635)", Buffer.concat([pax(["uid", "4294967295"]), good])],
    ["a path for all entries", header({ flag: "g" }, record("path", "x"))],
    ["a size for all entries", header({ flag: "g" }, record("size", "1"))],
    [
      "two pax headers for one entry",
      Buffer.concat([pax(["path", "a"]), pax(["path", "b"]), good]),
    ],
    [
      "pax and GNU names that differ",
      Buffer.concat([pax(["path", "a"]), header({ flag: "L" }, "b\0"), good]),
    ],
    ["headers beyond the limit", header({ flag: "x", size: "00010000000" })],
    ["an attribute without a name", Buffer.concat([pax(["SCHILY.xattr.", "x"]), good])],
    [
      "a sparse map that goes back",
      Buffer.concat([
        pax(
          ["GNU.sparse.size", "100"],
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.map", "50,2,10,2"],
        ),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map beyond the file",
      Buffer.concat([
        pax(["GNU.sparse.size", "10"], ["GNU.sparse.numblocks", "1"], ["GNU.sparse.map", "8,4"]),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map of other bytes",
      Buffer.concat([
        pax(["GNU.sparse.size", "10"], ["GNU.sparse.numblocks", "1"], ["GNU.sparse.map", "0,2"]),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map with a part within a block, which GNU tar reads elsewhere than Go",
      Buffer.concat([
        pax(["GNU.sparse.size", "9"], ["GNU.sparse.numblocks", "2"], ["GNU.sparse.map", "0,2,5,2"]),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map of one number",
      Buffer.concat([pax(["GNU.sparse.size", "10"], ["GNU.sparse.map", "0"]), header({}, "abcd")]),
    ],
    [
      "sparse 1.0 without a size",
      Buffer.concat([pax(["GNU.sparse.major", "1"], ["GNU.sparse.minor", "0"]), header({}, "0\n")]),
    ],
    ["a file without a name", header({ name: "" })],
    ["a link to nothing", header({ flag: "2" })],
    ["a number of letters", header({ raw: [[108, "user\0"]] })],
    ["digits behind a NUL, which some readers count", header({ size: "\0\x0000000001000" })],
    ["a device number beyond all", header({ flag: "3", raw: [[329, "\x80\0\x01\0\0\0\0\0"]] })],
    ["a pax key with a NUL", Buffer.concat([pax(["path\0x", "a"]), good])],
    ...["path", "linkpath", "size"].map((key): [string, Buffer] => [
      `an empty pax ${key}`,
      Buffer.concat([pax([key, ""]), good]),
    ]),
    ["a name of a sparse file that is not", Buffer.concat([pax(["GNU.sparse.name", "a"]), good])],
    [
      "a sparse format to come",
      Buffer.concat([
        pax(
          ["GNU.sparse.major", "2"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.size", "9"],
          ["GNU.sparse.numblocks", "1"],
          ["GNU.sparse.map", "0,4"],
        ),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map of other length than it says",
      Buffer.concat([
        pax(["GNU.sparse.size", "9"], ["GNU.sparse.numblocks", "2"], ["GNU.sparse.map", "0,4"]),
        header({}, "abcd"),
      ]),
    ],
    [
      "sparse numbers out of turn",
      Buffer.concat([
        pax(
          ["GNU.sparse.size", "9"],
          ["GNU.sparse.numblocks", "1"],
          ["GNU.sparse.numbytes", "4"],
          ["GNU.sparse.offset", "4"],
        ),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map of a link",
      Buffer.concat([
        pax(["GNU.sparse.size", "9"], ["GNU.sparse.numblocks", "0"], ["GNU.sparse.map", ""]),
        header({ flag: "1", link: "x" }),
      ]),
    ],
    ["star's sparse files", header({ flag: "S" })],
    ["a sparse map of letters", sparse("one", "0\n1\n")],
    ...["D", "M", "N", "V", "X", "A"].map((flag): [string, Buffer] => [
      `type ${flag}, which says nothing of a file system or which containers do not read`,
      header({ flag }, "x"),
    ]),
    ["a block of zeros between entries", Buffer.concat([Buffer.alloc(512), good])],
    ["an end after a pax header", pax(["path", "a"])],
  ])("%s", (_what, blocks) => {
    const broken = Buffer.concat([good, blocks, end]);
    expect(() => read(broken)).toThrow(
      expect.objectContaining({
        code: "malformed",
        message: expect.stringMatching(/^entry 2 of the tar, at byte (?:512|1024): /),
      }),
    );
  });

  it.each([1, 511, 512 + 100, 1024 + 5, 1536 + 599])("an archive cut off at %i bytes", (length) => {
    const whole = tar(pax(["path", "name"]), header({}, "x".repeat(600)));
    expect(() => read(whole.subarray(0, length))).toThrow(/ends in the middle/);
  });

  it("a sparse map that takes more than its content, or a million spans", () => {
    const short = header({ size: "00000000010\0" });
    const map = Buffer.from("0\n".padEnd(512, "\0"));
    expect(() => read(tar(sparse10, short, map))).toThrow(/longer than its content/);
    expect(() => read(tar(sparse("1000001", "0\n1\n")))).toThrow(/too long/);
  });

  it("stays an error, whatever comes after", () => {
    const reader = new TarReader({ entry() {}, data() {}, finish() {} });
    const broken = header({ flag: "Q" });
    expect(() => reader.push(broken)).toThrow(/unknown type/);
    expect(() => reader.push(good)).toThrow(/unknown type/);
    expect(() => reader.end()).toThrow(/unknown type/);
    expect(reader.entries).toBe(0);
  });

  it("whatever the bytes: read, or refused with one clear error", () => {
    const whole = tar(
      pax(["path", "name"], ["SCHILY.xattr.user.a", "b"]),
      header({}, "content"),
      pax(["GNU.sparse.size", "9"], ["GNU.sparse.numblocks", "1"], ["GNU.sparse.map", "1,4"]),
      header({}, "abcd"),
      header({ flag: "L" }, "long\0"),
      header({ flag: "5" }),
    );
    const change = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 700 }),
        (changes, step) => {
          const bytes = Buffer.from(whole);
          for (const { at, value } of changes) bytes[at] = value;
          try {
            read(bytes, step);
          } catch (error) {
            expect(error).toBeInstanceOf(LadingError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
