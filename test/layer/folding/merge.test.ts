import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { NameFolding } from "../../../src/disk/name-folding.ts";
import { openTree } from "../../../src/disk/tree/open-tree.ts";
import { cloneLayer } from "../../../src/layer/merge/clone.ts";
import { writeNoMarks } from "../../../src/layer/record-files.ts";
import type { TarFile } from "../../../src/tar/writer.ts";
import { temporaryFolder } from "../../temporary.ts";
import { directory, file, hardlink, symlink } from "../attacks/rig/entries.ts";
import { listing } from "../attacks/rig/listing.ts";
import { applied, foldingTree, unpacked } from "./folding-disk.ts";

const NFC = "caf\u00e9";
const NFD = "cafe\u0301";

const collisions: readonly [string, ...(readonly TarFile[])[]][] = [
  ["files", [file("Foo", "lower")], [file("foo", "upper")]],
  ["files in a directory of both", [file("d/Foo", "lower")], [file("d/foo", "upper")]],
  ["a directory over a file", [file("Foo")], [directory("foo")]],
  ["a file over a directory", [directory("Foo")], [file("foo")]],
  ["directories", [file("Lib/a")], [file("lib/b")]],
  ["an implied directory over a link", [symlink("Lib", "usr")], [file("lib/b")]],
  ["spellings", [file(NFC)], [file(NFD)]],
  ["a hard link to a file below", [file("Foo"), file("a")], [hardlink("foo", "a")]],
  ["a hard link by another name than the file's", [file("Foo")], [hardlink("a", "foo")]],
  ["a hard link through another directory", [file("D/foo")], [hardlink("a", "d/foo")]],
  ["what lies two layers below", [file("Foo")], [file("a")], [file("foo")]],
  ["where a link leads", [directory("usr"), symlink("lib", "USR")], [file("lib/x")]],
  ["a whiteout, by spelling", [file(NFC)], [file(`.wh.${NFD}`, "")]],
];

describe("names of two layers that are one on the disk", () => {
  it.each(collisions)("%s: refused, and said which", async (_, ...layers) => {
    await expect(unpacked(...layers)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(/^".*" and ".*" are one name on this file system$/),
    });
  });
});

describe("names that a layer takes away", () => {
  it("a whiteout of another case takes nothing", async () => {
    const base = await unpacked([file("d/Foo", "lower")], [file("d/.wh.foo", "")]);
    expect(listing(base)).toMatchObject({ "d/Foo": "file 644 lower" });
  });

  it("a file is given another case, as `git mv` does", async () => {
    const base = await unpacked([file("d/foo", "1")], [file("d/.wh.foo", ""), file("d/Foo", "2")]);
    expect(readdirSync(join(base, "d"))).toEqual(["Foo"]);
    expect(listing(base)).toMatchObject({ "d/Foo": "file 644 2" });
  });

  it("an opaque directory makes room for any name", async () => {
    const base = await unpacked([file("d/foo", "1")], [file("d/.wh..wh..opq", ""), file("d/Foo")]);
    expect(readdirSync(join(base, "d"))).toEqual(["Foo"]);
  });

  it("spelled as they were, they go and are replaced", async () => {
    const lower = [file("Foo", "1"), file("d/Bar"), file(`d/${NFC}`)];
    const upper = [file("Foo", "2"), file("d/.wh.Bar", ""), file(`d/.wh.${NFC}`, "")];
    const base = await unpacked(lower, upper);
    expect(Object.keys(listing(base)).sort()).toEqual(["", "Foo", "d"]);
    expect(listing(base)).toMatchObject({ Foo: "file 644 2" });
  });
});

describe("a layer from a store that tells more names apart", () => {
  it.each([
    ["files", [file("d/Foo"), file("d/foo")]],
    ["directories", [file("Foo/a"), file("foo/b")]],
    ["spellings", [file(NFC), file(NFD)]],
  ])("is not copied onto itself: %s", async (_, files) => {
    const folder = await temporaryFolder();
    const from = join(folder, "from");
    mkdirSync(join(from, "rootfs"), { recursive: true });
    writeNoMarks(from);
    using tree = openTree(join(from, "rootfs"), undefined);
    applied(tree, files, undefined);
    const copy = (folding: NameFolding, staging: string): void => {
      const request = { type: "clone", from, staging, link: "copy", folding } as const;
      cloneLayer(request, undefined, () => {}, folding === "none" ? openTree : foldingTree);
    };
    expect(() => copy("case", join(folder, "folding"))).toThrow(
      expect.objectContaining({ code: "unsupported", message: expect.stringMatching("one name") }),
    );
    copy("none", join(folder, "exact"));
    expect(listing(join(folder, "exact", "rootfs"))).toEqual(listing(join(from, "rootfs")));
  });
});
