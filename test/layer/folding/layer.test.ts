import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadKernel } from "../../../src/disk/kernel/load.ts";
import { openTree } from "../../../src/disk/tree/open-tree.ts";
import { FoldedNames } from "../../../src/layer/apply/folded-names.ts";
import type { TarFile } from "../../../src/tar/writer.ts";
import { temporaryFolder } from "../../temporary.ts";
import { directory, fifo, file, hardlink, symlink } from "../attacks/rig/entries.ts";
import { listing } from "../attacks/rig/listing.ts";
import { applied, stage } from "./folding-disk.ts";

const collisions: readonly [string, readonly TarFile[]][] = [
  ["two files", [file("README"), file("readme")]],
  ["a directory and a file", [directory("Lib"), file("lib")]],
  ["a file and a directory", [file("lib"), directory("Lib")]],
  ["two directories", [directory("Lib"), directory("lib")]],
  ["a symbolic link and a file", [symlink("Link", "x"), file("link")]],
  ["a file and a hard link", [file("a"), file("b"), hardlink("B", "a")]],
  ["a file and a hard link to a file of the layers below", [file("b"), hardlink("B", "below")]],
  ["a hard link by another name than the file's", [file("a"), hardlink("b", "A")]],
  ["a FIFO and a file", [fifo("pipe"), file("PIPE")]],
  ["two spellings of one letter", [file("caf\u00e9"), file("cafe\u0301")]],
  ["an implied directory and a file", [file("Lib/a"), file("lib")]],
  ["two implied directories", [file("Lib/a"), file("lib/b")]],
  ["a directory and an implied one", [directory("Lib"), file("lib/b")]],
  ["directories further up", [file("A/lib/x"), file("a/lib/y")]],
  ["a directory and where a link leads", [directory("usr"), symlink("l", "USR"), file("l/x")]],
  ["a directory and that of a whiteout", [directory("etc"), file("ETC/.wh.x", "")]],
  ["a directory and an opaque one", [file("etc/x"), file("ETC/.wh..wh..opq", "")]],
];

describe("names of one layer that are one on the disk", () => {
  it.each(collisions)("%s: refused, and said which", async (_, files) => {
    const folder = await temporaryFolder();
    expect(() => stage(join(folder, "layer"), files)).toThrow(
      expect.objectContaining({
        code: "unsupported",
        message: expect.stringMatching(/^".*" and ".*" are one name on this file system$/),
        hint: expect.stringContaining("tells apart"),
      }),
    );
  });
});

it("a name that comes twice is no collision, nor is a whiteout of another case", async () => {
  const folder = await temporaryFolder();
  const layer = stage(join(folder, "layer"), [
    directory("etc"),
    file("etc/a", "1"),
    file("etc/a", "2"),
    file("etc/Name", "new"),
    file("etc/.wh.name", ""),
    directory("etc"),
  ]);
  expect(listing(join(folder, "layer", "rootfs"))).toMatchObject({
    "etc/a": "file 644 2",
    "etc/Name": "file 644 new",
  });
  expect(layer.whiteouts).toEqual(["etc/name"]);
});

it("where only spellings are one, names of either case stand side by side", async () => {
  const [one, other] = [await temporaryFolder(), await temporaryFolder()];
  using tree = openTree(one, undefined);
  const cases = [file("README"), file("readme")];
  applied(tree, cases, new FoldedNames("spelling"));
  expect(Object.keys(listing(one)).sort()).toEqual(["", "README", "readme"]);
  using spelled = openTree(other, undefined);
  const spellings = [file("caf\u00e9"), file("cafe\u0301")];
  expect(() => applied(spelled, spellings, new FoldedNames("spelling"))).toThrow(/are one name/);
});

it.runIf(process.geteuid?.() === 0)(
  "a whiteout that overlayfs would not see is refused",
  async () => {
    const kernel = await loadKernel();
    using tree = openTree(await temporaryFolder(), kernel);
    const files = [file("Name"), file(".wh.name", "")];
    const names = new FoldedNames("case");
    expect(() => applied(tree, files, names, kernel)).toThrow(/are one name/);
  },
);
