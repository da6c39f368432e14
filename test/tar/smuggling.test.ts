import { describe, expect, it } from "vitest";
import { end, GNU, header, pax, read, record, tar } from "./archive.ts";
import { gnuLine, gnuListing } from "./listing.ts";

/** A header that hides in another file's content, where a reader that counts wrong finds it. */
const smuggled = header({ name: "smuggled" });
const hidden = smuggled.toString("latin1");

describe("an entry can't be smuggled past other readers", () => {
  it("by a pax size that the header denies (CVE-2025-62518)", () => {
    const outer = header({ name: "outer", size: "00000000000" }, hidden);
    const archive = tar(pax(["size", "512"], ["path", "long/name"]), outer);
    expect(read(archive)).toMatchObject([{ path: "long/name", size: 512, content: hidden }]);
    expect(read(archive).map(gnuLine)).toEqual(gnuListing(archive).lines);
  });

  it("by a header size that pax denies", () => {
    const archive = tar(
      pax(["size", "0"]),
      header({ name: "outer", size: "00000001000" }),
      smuggled,
    );
    expect(read(archive).map(({ path }) => path)).toEqual(["outer", "smuggled"]);
    expect(read(archive).map(gnuLine)).toEqual(gnuListing(archive).lines);
  });

  it("by a pax size that a reader takes for the next header's (CVE-2026-53655)", () => {
    const archive = tar(
      pax(["size", "2048"]),
      header({ flag: "L", magic: GNU }, "longname\0"),
      header({ name: "a" }, "A".repeat(16)),
      header({ name: "b" }, "B".repeat(16)),
      smuggled,
      header({ name: "last" }),
    );
    expect(read(archive).map(({ path, size }) => [path, size])).toEqual([
      ["longname", 2048],
      ["last", 0],
    ]);
    expect(read(archive).map(gnuLine)).toEqual(gnuListing(archive).lines);
  });

  it.each([
    ["a length that is none", "x path=evil\n"],
    ["a length too long", "99 path=evil\n"],
    ["a length too short", "9 path=evil\n"],
    ["no key", "8 =evil\n\n"],
    ["no equals sign", "8 path\n\n"],
    ["rubbish behind it", `${record("path", "evil")}\0\0\0`],
  ])("by a pax record that some readers skip: %s (CVE-2026-32766)", (_what, records) => {
    const archive = tar(header({ flag: "x" }, records), header({ name: "good" }));
    expect(() => read(archive)).toThrow(/^entry 1 of the tar, at byte 0: a pax/);
  });

  it.each(["1", "2", "3", "5", "6"])("by a pax size of what has no content (type %s)", (flag) => {
    const entry = header({ name: "entry", flag, link: "x" });
    expect(() => read(tar(pax(["size", "512"]), entry, smuggled))).toThrow(/only a file has/);
    expect(read(tar(pax(["size", "0"]), entry))).toHaveLength(1);
  });

  it("by the header's size of a link or directory, which means nothing, as Go has it", () => {
    const blocks = ["1", "2", "5", "6"].map((flag) =>
      header({ flag, size: "00000001000", link: "x" }),
    );
    expect(read(tar(...blocks)).map(({ size }) => size)).toEqual([0, 0, 0, 0]);
  });

  it("behind a hard link with content: what follows a hard link must be a header", () => {
    const link = header({ flag: "1", name: "hard", link: "x" }, "content");
    expect(() => read(tar(link))).toThrow(/^entry 2 of the tar, at byte 512: /);
  });

  it.each([
    ["a directory by its slash, with content", header({ name: "dir/" }, hidden)],
    [
      "two pax headers",
      Buffer.concat([pax(["size", "512"]), pax(["path", "a"]), header({}, hidden)]),
    ],
    [
      "two long names",
      Buffer.concat([header({ flag: "L" }, "a\0"), header({ flag: "L" }, "b\0"), smuggled]),
    ],
    [
      "pax and GNU names",
      Buffer.concat([pax(["path", "a"]), header({ flag: "L" }, "b\0"), smuggled]),
    ],
    [
      "a pax header for all behind one for the entry",
      Buffer.concat([pax(["path", "a"]), header({ flag: "g" }, record("comment", "c")), smuggled]),
    ],
    ["one block of zeros", Buffer.concat([Buffer.alloc(512), smuggled])],
  ])("by what readers take in different ways: %s", (_what, blocks) => {
    expect(() => read(Buffer.concat([blocks, end]))).toThrow(/^entry 1 of the tar, at byte \d+: /);
  });
});
