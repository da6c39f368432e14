import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ByteString,
  byteString,
  byteStringOf,
  pathOf,
  textOf,
} from "../../src/tar/byte-string.ts";
import type { RawNames } from "../../src/tar/entry.ts";
import { createTar, type TarFile } from "../../src/tar/writer.ts";
import { GNU, header, pax, read, record, tar } from "./archive.ts";

describe("a tar that lading wrote", () => {
  const name = fc
    .array(fc.constantFrom("a", "dir", "ü", "名前", "x".repeat(120), ".wh.x", " "), {
      minLength: 1,
      maxLength: 4,
    })
    .map((parts) => parts.join("/"));
  const bytes = fc.uint8Array({ min: 1, minLength: 1, maxLength: 150 }).map((bytes) => {
    return Buffer.from(bytes).fill("b", bytes.length - 1);
  });
  const common = {
    path: fc.oneof(name, bytes),
    mode: fc.nat(0o7777),
    uid: fc.nat(2 ** 32 - 2),
    gid: fc.nat(2 ** 32 - 2),
    mtimeNs: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 19n }),
  };
  const file = fc.record({
    ...common,
    type: fc.constant("file" as const),
    content: fc.uint8Array({ maxLength: 2000 }),
    xattrs: fc.dictionary(
      fc.constantFrom("user.a", "security.capability"),
      fc.uint8Array({ maxLength: 20 }),
    ),
  });
  const link = fc.record({
    ...common,
    type: fc.constantFrom("symlink" as const, "hardlink" as const),
    linkPath: fc.oneof(name, bytes),
  });
  const sparse = fc
    .record({
      holes: fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 3 })), { maxLength: 90 }),
      last: fc.uint8Array({ maxLength: 700 }),
    })
    .map(({ holes, last }) => {
      let end = 0;
      const data = holes.map(([hole, blocks]) => {
        end += hole + blocks * 512;
        return { offset: end - blocks * 512, length: blocks * 512 };
      });
      const whole = data.map(({ offset, length }) => Buffer.alloc(length, `${offset}`));
      if (last.length > 0) data.push({ offset: end, length: last.length });
      const content = Buffer.concat([...whole, last]);
      return { path: "holes", type: "file" as const, size: end + 999, data, content };
    });
  const other = fc.record({
    ...common,
    type: fc.constantFrom("directory" as const, "fifo" as const),
  });
  const device = fc.record({
    ...common,
    type: fc.constantFrom("character-device" as const, "block-device" as const),
    device: fc.record({ major: fc.nat(4095), minor: fc.nat(2 ** 20) }),
  });
  const files: fc.Arbitrary<RawNames<TarFile>[]> = fc.array(
    fc.oneof(file, sparse, link, other, device),
    {
      maxLength: 8,
    },
  );

  it("is read as it was written, however its bytes are cut", () => {
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 3000 }), (files, step) => {
        const entries = read(createTar(files), step);
        expect(entries).toHaveLength(files.length);
        for (const [index, file] of files.entries()) {
          const path = bytesOf(file.path);
          expect(entries[index]).toMatchObject({
            number: index + 1,
            type: file.type,
            path: file.type === "directory" ? path.replace(/\/*$/, "/") : path,
            linkPath: bytesOf(file.linkPath ?? ""),
            mode: file.mode ?? 0o644,
            uid: file.uid ?? 0,
            gid: file.gid ?? 0,
            mtimeNs: file.mtimeNs ?? 0n,
            device: file.device ?? { major: 0, minor: 0 },
            content: laidOut(file),
          });
          const xattrs = Object.entries(file.xattrs ?? {}).map(([key, value]) => [
            key,
            Buffer.from(value),
          ]);
          expect(new Map(entries[index]?.xattrs)).toEqual(
            new Map(xattrs as [ByteString, Buffer][]),
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});

function bytesOf(name: string | Uint8Array): ByteString {
  return typeof name === "string" ? byteStringOf(name) : byteString(name);
}

/** The content of a file with its holes. */
function laidOut({ content = new Uint8Array(), data, size = 0 }: RawNames<TarFile>): string {
  if (data === undefined) return Buffer.from(content).toString("latin1");
  const whole = Buffer.alloc(size);
  let at = 0;
  for (const { offset, length } of data) {
    whole.set(content.subarray(at, at + length), offset);
    at += length;
  }
  return whole.toString("latin1");
}

describe("what a header says", () => {
  it.each([
    ["octal with spaces", "     12 \0    ", 10],
    ["octal without an end", "000000000012", 10],
    ["base-256", "\x80\0\0\0\0\0\0\0\0\0\0\x0a", 10],
  ])("may be written as %s", (_what, size, expected) => {
    expect(read(tar(header({ size }, "0123456789")))[0]?.size).toBe(expected);
  });

  it("may be for all that follow, as far as that makes sense", () => {
    const global = header({ flag: "g" }, record("comment", "x") + record("mtime", "12.5"));
    const [first, second] = read(
      tar(global, header({}), pax(["mtime", ""]), header({ name: "b" })),
    );
    expect(first?.mtimeNs).toBe(12_500_000_000n);
    expect(second?.mtimeNs).toBe(0n);
  });

  it("keeps names that are no text", () => {
    const [entry] = read(tar(header({ name: "caf\xe9" })));
    expect(entry?.path).toBe("caf\xe9");
    expect(pathOf(entry?.path ?? ("" as ByteString))).toEqual(
      Buffer.from([0x63, 0x61, 0x66, 0xe9]),
    );
    expect(textOf(byteString(Buffer.from("名")))).toBe("名");
  });

  it("may end in a slash, as v7 writes directories", () => {
    expect(read(tar(header({ name: "dir/", flag: "\0" })))[0]?.type).toBe("directory");
  });

  it("may leave out the end, and be followed by anything after it", () => {
    expect(read(header({}))).toHaveLength(1);
    expect(read(Buffer.concat([tar(header({})), Buffer.from("rubbish")]))).toHaveLength(1);
    expect(read(Buffer.alloc(0))).toEqual([]);
  });

  it("may be a time with a fraction, before the epoch too", () => {
    const times = ["1.25", "-1.25", "-0.5", "0.1234567899", "-0.1234567899"];
    const entries = read(tar(...times.flatMap((mtime) => [pax(["mtime", mtime]), header({})])));
    expect(entries.map(({ mtimeNs }) => mtimeNs)).toEqual([
      1_250_000_000n,
      -1_250_000_000n,
      -500_000_000n,
      123_456_789n,
      -123_456_790n,
    ]);
    expect(read(tar(header({ raw: [[136, "\xff".repeat(12)]] })))[0]?.mtimeNs).toBe(
      -1_000_000_000n,
    );
  });

  it("may be attributes, of any bytes and of none; other keys than SCHILY's are left out", () => {
    const [entry] = read(
      tar(
        pax(
          ["SCHILY.xattr.user.a", "\0=\n"],
          ["SCHILY.xattr.user.none", ""],
          ["LIBARCHIVE.xattr.user.b", "Yg"],
          ["SCHILY.acl.access", "user::rwx"],
          ["hdrcharset", "BINARY"],
        ),
        header({}),
      ),
    );
    expect([...(entry?.xattrs ?? [])].map(([key, value]) => [key, String(value)])).toEqual([
      ["user.a", "\0=\n"],
      ["user.none", ""],
    ]);
  });

  it("may be summed over signed bytes, as old tars did", () => {
    const old = header({ name: "caf\xe9" });
    const sum = old.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    const own = old.subarray(148, 156).reduce((total, byte) => total + byte, 0);
    const signed = sum - own + 8 * 0x20 - 256;
    old.write(`${signed.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    expect(read(tar(old))).toHaveLength(1);
  });

  it("may be a device number beyond ustar", () => {
    const device = header({ flag: "4", raw: [[329, "0000010\0"]] });
    const numbers = pax(["SCHILY.devmajor", "300000"], ["SCHILY.devminor", "7"]);
    const [first, second] = read(tar(device, numbers, device));
    expect(first?.device).toEqual({ major: 8, minor: 0 });
    expect(second?.device).toEqual({ major: 300_000, minor: 7 });
  });

  it("is the root where a directory has no name, as GNU tar and Go have it", () => {
    expect(read(tar(header({ flag: "5", name: "" })))[0]?.path).toBe(".");
  });

  it("is a prefix where old versions of Go put one into a GNU header", () => {
    const old = header({ magic: GNU, raw: [[345, "some/where"]] });
    const incremental = header({ magic: GNU, raw: [[345, "14524762400\x0014524762400\0"]] });
    expect(read(tar(old, incremental)).map(({ path }) => path)).toEqual([
      "some/where/file",
      "file",
    ]);
  });

  it("ends its number at a NUL, whatever stands behind", () => {
    expect(read(tar(header({ size: "00000000005\0" }, "hello")))[0]?.content).toBe("hello");
    expect(read(tar(header({ raw: [[108, "17\0trash"]] })))[0]?.uid).toBe(15);
  });

  it("may leave the last file without its padding, as Go does when it does not close", () => {
    const whole = header({}, "hello");
    expect(read(whole.subarray(0, 512 + 5))[0]?.content).toBe("hello");
  });
});
