import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openByDescriptor } from "../../../src/disk/tree/directory.ts";
import { Tree } from "../../../src/disk/tree/tree.ts";
import { type AppliedLayer, LayerApplier } from "../../../src/layer/apply/applier.ts";
import { unpackLimits } from "../../../src/layer/limits.ts";
import { TarReader } from "../../../src/tar/reader.ts";
import { createTar, type TarFile } from "../../../src/tar/writer.ts";
import { temporaryFolder } from "../../temporary.ts";
import { directory, file, symlink } from "./rig/entries.ts";

const opaque = (path: string): TarFile => file(`${path}.wh..wh..opq`, "");

it("CVE-2026-95838: a hundred thousand opaque markers cost linear work", async () => {
  const shapes = {
    "in one directory": () => opaque("d/"),
    "in turn": (at: number) => opaque(`d${at % 300}/`),
    "through a link": (at: number) => (at === 0 ? symlink("l", "a/b/c") : opaque("l/")),
  };
  for (const [shape, entry] of Object.entries(shapes)) {
    const [few, many] = [await work(10_000, entry), await work(100_000, entry)];
    expect(many.opened, shape).toBeLessThanOrEqual(10 * few.opened);
    expect(many.layer.opaques.length, shape).toBe(few.layer.opaques.length);
  }
}, 60_000);

it("a directory that goes takes with it what was known of it, and of nothing else", async () => {
  const entry = (at: number): TarFile =>
    at < 2000
      ? directory(`d/${at}`)
      : ([directory("x"), file("x/y/z"), file("x")][at % 3] ?? file("x"));
  const { layer, opened } = await work(4000, entry);
  expect(layer.entries).toBe(4000);
  expect(layer.implied).toEqual(["", "d"]);
  expect(opened).toBeLessThan(12 * 4000);
});

/** Applies a layer of so many entries, and counts how many directories are opened for it. */
async function work(
  count: number,
  entry: (at: number) => TarFile,
): Promise<{ readonly opened: number; readonly layer: AppliedLayer }> {
  const root = join(await temporaryFolder(), "rootfs");
  mkdirSync(root);
  let opened = 0;
  using tree = new Tree(root, {
    openDirectory: (path, physical) => {
      opened += 1;
      return openByDescriptor(path, physical);
    },
  });
  const applier = new LayerApplier(tree, {
    form: { ownership: "squash", uidMap: [], gidMap: [], xattrs: "safe", opaque: "trusted" },
    limits: unpackLimits,
    kernel: undefined,
    overlayNodes: false,
    folded: undefined,
    sync: false,
  });
  const reader = new TarReader(applier);
  reader.push(createTar(Array.from({ length: count }, (_, at) => entry(at))));
  reader.end();
  return { layer: applier.end(), opened };
}
