import { mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadKernel } from "../../../src/disk/kernel/load.ts";
import { openByPath } from "../../../src/disk/tree/directory.ts";
import { openTree } from "../../../src/disk/tree/open-tree.ts";
import { Tree } from "../../../src/disk/tree/tree.ts";
import { LayerApplier } from "../../../src/layer/apply/applier.ts";
import type { LayerForm } from "../../../src/layer/form.ts";
import { unpackLimits } from "../../../src/layer/limits.ts";
import { TarReader } from "../../../src/tar/reader.ts";
import { createTar } from "../../../src/tar/writer.ts";
import { temporaryFolder } from "../../temporary.ts";
import { directory, file, hardlink, symlink } from "./rig/entries.ts";
import { fingerprint, listing } from "./rig/listing.ts";
import { type Entry, Impossible, Model } from "./rig/model.ts";

const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const target = fc.oneof(
  fc
    .array(fc.constantFrom("a", "b", "c", "..", "."), { minLength: 1, maxLength: 5 })
    .map((names) => names.join("/")),
  path.map((inside) => `/${inside}`),
  fc.constantFrom("../outside", "../../outside/canary", "/", ".."),
);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    type: fc.constant("file" as const),
    path,
    content: fc.stringMatching(/^[x-z]{1,3}$/),
  }),
  fc.record({ type: fc.constant("directory" as const), path }),
  fc.record({ type: fc.constant("symlink" as const), path, linkPath: target }),
  fc.record({ type: fc.constant("hardlink" as const), path, linkPath: path }),
);

const form: LayerForm = {
  ownership: "squash",
  uidMap: [],
  gidMap: [],
  xattrs: "safe",
  opaque: "trusted",
};

describe.each(["native", "plain", "by path"])("any order of any entries (%s)", (way) => {
  it("comes to what a plain reading says, and to nothing outside", async () => {
    const kernel = way === "native" ? await loadKernel() : undefined;
    const folder = await temporaryFolder();
    mkdirSync(join(folder, "outside"));
    writeFileSync(join(folder, "outside", "canary"), "alive");
    const before = fingerprint(join(folder, "outside"));
    const root = join(folder, "rootfs");
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 14 }), async (entries) => {
        mkdirSync(root);
        try {
          const got = applied(entries, () => {
            // macOS has no /proc to hold directories by.
            using tree =
              way === "by path"
                ? new Tree(root, { openDirectory: openByPath })
                : openTree(root, kernel);
            const options = { form, limits: unpackLimits, kernel, overlayNodes: false };
            const applier = new LayerApplier(tree, { ...options, folded: undefined, sync: false });
            const reader = new TarReader(applier);
            reader.push(createTar(entries.map(written)));
            reader.end();
            applier.end();
          });
          expect(got && listing(root)).toEqual(modelled(entries));
          expect(fingerprint(join(folder, "outside"))).toEqual(before);
        } finally {
          await rm(root, { recursive: true });
        }
      }),
      { numRuns: 500 },
    );
  }, 60_000);
});

/** False when it is refused. */
function applied(entries: readonly Entry[], work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    expect(error, JSON.stringify(entries)).toMatchObject({ code: "malformed" });
    return false;
  }
}

function modelled(entries: readonly Entry[]): Record<string, string> | false {
  const model = new Model();
  try {
    for (const each of entries) model.apply(each);
    return model.listing;
  } catch (error) {
    if (error instanceof Impossible) return false;
    throw error;
  }
}

function written(one: Entry): ReturnType<typeof file> {
  if (one.type === "file") return file(one.path, one.content);
  if (one.type === "directory") return directory(one.path);
  return (one.type === "symlink" ? symlink : hardlink)(one.path, one.linkPath);
}
