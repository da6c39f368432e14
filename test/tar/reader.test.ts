import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../src/errors.ts";
import {
  type ByteString,
  byteString,
  byteStringOf,
  pathOf,
  textOf,
} from "../../src/tar/byte-string.ts";
import type { ReadEntry } from "../../src/tar/read-entry.ts";
import { TarReader } from "../../src/tar/reader.ts";
import { createTar, type TarFile } from "../../src/tar/writer.ts";
import { temporaryFolder } from "../temporary.ts";

interface Read extends Partial<ReadEntry> {
  readonly content: string;
}

/** Reads a tar in pieces of a size, and lays each file out with its holes. */
function read(tar: Uint8Array, step = tar.length || 1): Read[] {
  const entries: Read[] = [];
  let current: { entry: ReadEntry; bytes: Buffer } | undefined;
  const reader = new TarReader({
    entry(entry) {
      current = { entry, bytes: Buffer.alloc(Math.min(entry.size, 1e7)) };
    },
    data(bytes, position) {
      current?.bytes.set(bytes, position);
    },
    finish() {
      if (current) entries.push({ ...current.entry, content: current.bytes.toString("latin1") });
      current = undefined;
    },
  });
  for (let at = 0; at < tar.length; at += step) reader.push(tar.subarray(at, at + step));
  reader.end();
  return entries;
}

/** A header block with the fields of ustar, for tars that no tool would write. */
function header(
  fields: {
    name?: string;
    flag?: string;
    size?: string;
    link?: string;
    magic?: string;
    raw?: [number, string][];
  },
  body = "",
): Buffer {
  const {
    name = "file",
    flag = "0",
    size = body.length.toString(8).padStart(11, "0"),
    link = "",
    magic = "ustar\x0000",
    raw = [],
  } = fields;
  const block = Buffer.alloc(512);
  const put = (at: number, text: string) => block.write(text, at, "latin1");
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, size);
  put(136, "00000000000\0");
  put(148, "        ");
  put(156, flag);
  put(157, link);
  put(257, magic);
  for (const [at, text] of raw) put(at, text);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
  return Buffer.concat([block, Buffer.from(body, "latin1"), padding]);
}

const pax = (...records: [string, string][]) =>
  header({ name: "pax", flag: "x" }, records.map(([key, value]) => record(key, value)).join(""));

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`.length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

const end = Buffer.alloc(1024);
const tar = (...blocks: Uint8Array[]) => Buffer.concat([...blocks, end]);

describe("a tar that lading wrote", () => {
  const name = fc
    .array(fc.constantFrom("a", "dir", "ü", "名前", "x".repeat(120), ".wh.x", " "), {
      minLength: 1,
      maxLength: 4,
    })
    .map((parts) => parts.join("/"));
  const common = {
    path: name,
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
    linkPath: name,
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
  const files: fc.Arbitrary<TarFile[]> = fc.array(fc.oneof(file, link, other, device), {
    maxLength: 8,
  });

  it("is read as it was written, however its bytes are cut", () => {
    fc.assert(
      fc.property(files, fc.integer({ min: 1, max: 3000 }), (files, step) => {
        const entries = read(createTar(files), step);
        expect(entries).toHaveLength(files.length);
        for (const [index, file] of files.entries()) {
          const path = file.type === "directory" ? `${file.path}/` : file.path;
          expect(entries[index]).toMatchObject({
            number: index + 1,
            type: file.type,
            path: byteStringOf(path),
            linkPath: byteStringOf(file.linkPath ?? ""),
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            mtimeNs: file.mtimeNs,
            device: file.device ?? { major: 0, minor: 0 },
            content: Buffer.from(file.content ?? []).toString("latin1"),
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

describe("a tar of GNU tar", () => {
  it.each(["v7", "oldgnu", "gnu", "ustar", "posix"])(
    "in the format %s is read as its tool lists it",
    async (format) => {
      const folder = await temporaryFolder();
      execFileSync(
        "sh",
        [
          "-ec",
          `
      mkdir -p t/dir; cd t; printf hello > dir/a; ln dir/a dir/hard; ln -s a dir/soft; ${format === "v7" ? "" : "mkfifo dir/fifo"}
      touch -d @1700000000 dir/a; chmod 4755 dir/a; n=$(printf 'n%.0s' $(seq 1 ${format === "v7" ? 60 : 90})); printf long > $n
      ${format === "v7" || format === "ustar" ? "" : "mkdir -p $n$n/$n; printf deep > $n$n/$n/$n; ln -s $n$n dir/long"}`,
        ],
        { cwd: folder },
      );
      execFileSync("tar", ["--sort=name", `--format=${format}`, "-cf", "t.tar", "-C", "t", "."], {
        cwd: folder,
      });
      const listed = execFileSync("tar", ["--quoting-style=literal", "-tf", "t.tar"], {
        cwd: folder,
        encoding: "utf8",
      });
      const entries = read(readFileSync(join(folder, "t.tar")), 777);
      expect(entries.map(({ path }) => path)).toEqual(listed.trim().split("\n"));
      const hard = entries.find(({ type }) => type === "hardlink");
      expect([hard?.path, hard?.linkPath].sort()).toEqual(["./dir/a", "./dir/hard"]);
      const file = entries.find(({ path }) => path === "./dir/a");
      expect(file).toMatchObject({ mode: 0o4755, content: "hello" });
      expect(Number((file?.mtimeNs ?? 0n) / 1_000_000_000n)).toBe(1_700_000_000);
    },
  );

  it.each([
    ["gnu", ""],
    ["posix", "--sparse-version=0.0"],
    ["posix", "--sparse-version=0.1"],
    ["posix", "--sparse-version=1.0"],
  ])("that is sparse (%s %s) is read with its holes", async (format, version) => {
    const folder = await temporaryFolder();
    const bytes = Buffer.alloc(3_000_000);
    // More pieces than one old header holds.
    for (let piece = 0; piece < 30; piece += 1) bytes.write(`piece ${piece}`, piece * 100_000);
    writeFileSync(join(folder, "plain"), bytes);
    execFileSync("cp", ["--sparse=always", "plain", "sparse"], { cwd: folder });
    const args = [
      "-S",
      `--format=${format}`,
      ...(version ? [version] : []),
      "-cf",
      "t.tar",
      "sparse",
    ];
    execFileSync("tar", args, { cwd: folder });
    expect(statSync(join(folder, "t.tar")).size).toBeLessThan(1_000_000);
    const [entry] = read(readFileSync(join(folder, "t.tar")), 1000);
    expect(entry).toMatchObject({ path: "sparse", type: "file", size: bytes.length });
    expect(entry?.data?.length).toBeGreaterThan(20);
    expect(entry?.content === bytes.toString("latin1")).toBe(true);
  });
});

describe("what a header says", () => {
  it.each([
    ["octal with spaces", "     12 \0    ", 10],
    ["octal without an end", "000000000012", 10],
    ["base-256", "\x80\0\0\0\0\0\0\0\0\0\0\x0a", 10],
  ])("may be written as %s", (_what, size, expected) => {
    expect(read(tar(header({ size }, "0123456789")))[0]?.size).toBe(expected);
  });

  it("is overruled by pax, the size too (CVE-2025-62518)", () => {
    const smuggled = header({ name: "smuggled" });
    const nested = Buffer.concat([smuggled]).toString("latin1");
    const outer = header({ name: "outer", size: "00000000000" }, nested);
    const entries = read(tar(pax(["size", "512"], ["path", "long/name"]), outer));
    expect(entries.map(({ path, size }) => [path, size])).toEqual([["long/name", 512]]);
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

  it("of a link or directory is followed by no content, whatever its size says", () => {
    const blocks = ["1", "2", "5", "6"].map((flag) =>
      header({ flag, size: "00000001000", link: "x" }),
    );
    expect(read(tar(...blocks)).map(({ size }) => size)).toEqual([0, 0, 0, 0]);
  });

  it("may end in a slash, as v7 writes directories", () => {
    expect(read(tar(header({ name: "dir/", flag: "\0" })))[0]?.type).toBe("directory");
  });

  it("may leave out the end, and be followed by anything after it", () => {
    expect(read(header({}))).toHaveLength(1);
    expect(read(Buffer.concat([tar(header({})), Buffer.from("rubbish")]))).toHaveLength(1);
    expect(read(Buffer.alloc(0))).toEqual([]);
  });
});

describe("a malformed tar is an error with the entry's number and place", () => {
  const good = header({ name: "good" });
  it.each([
    ["a wrong checksum", Buffer.from(good).fill("x", 0, 1)],
    ["a number that is not octal", header({ size: "00000000009\0" })],
    ["a negative size", header({ size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" })],
    ["a size beyond all", header({ size: "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" })],
    ["an unknown type", header({ flag: "V" })],
    ["no name", header({ name: "" })],
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
        pax(["GNU.sparse.size", "100"], ["GNU.sparse.map", "50,2,10,2"]),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map beyond the file",
      Buffer.concat([
        pax(["GNU.sparse.size", "10"], ["GNU.sparse.map", "8,4"]),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map of other bytes",
      Buffer.concat([
        pax(["GNU.sparse.size", "10"], ["GNU.sparse.map", "0,2"]),
        header({}, "abcd"),
      ]),
    ],
    [
      "a sparse map of one number",
      Buffer.concat([pax(["GNU.sparse.size", "10"], ["GNU.sparse.map", "0"]), header({}, "abcd")]),
    ],
    [
      "sparse 1.0 without a size",
      Buffer.concat([pax(["GNU.sparse.major", "1"]), header({}, "0\n")]),
    ],
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

  it.each([1, 511, 512 + 100, 1024 + 5])("an archive cut off at %i bytes", (length) => {
    const whole = tar(pax(["path", "name"]), header({}, "x".repeat(600)));
    expect(() => read(whole.subarray(0, length))).toThrow(/ends in the middle/);
  });

  it("whatever the bytes: read, or refused with one clear error", () => {
    const whole = tar(
      pax(["path", "name"], ["SCHILY.xattr.user.a", "b"]),
      header({}, "content"),
      pax(["GNU.sparse.size", "9"], ["GNU.sparse.map", "1,4"]),
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
