import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TarFile } from "../../../src/tar/writer.ts";
import { createRegistry, randomLayers, type TestRegistry } from "../../../src/testkit/index.ts";
import type { OverlayResult } from "../../../src/verbs/mount/overlay-stack.ts";
import { type Lading, open } from "../../../src/verbs/open.ts";
import { tagImage } from "../../layer/unpack-rig.ts";
import { temporaryFolder } from "../../temporary.ts";
import { differences, type Snapshot, snapshot } from "../snapshot.ts";
import { cannotMount, mountOverlayBelow, mountStack } from "./mounted.ts";

let registry: TestRegistry;
let folder: string;
let lading: Lading;

beforeEach(async () => {
  registry = await createRegistry();
  folder = await temporaryFolder();
  lading = await open({ root: join(folder, "store") });
});
afterEach(async () => {
  await lading.close();
  await registry.close();
});

const reference = (): string => `${registry.address}/app:1`;
const file = (path: string, content = path, rest: Partial<TarFile> = {}): TarFile => ({
  path,
  type: "file",
  mode: 0o644,
  mtimeNs: 5n,
  content: Buffer.from(content),
  ...rest,
});
const directory = (path: string, mode = 0o755): TarFile => ({
  path,
  type: "directory",
  mode,
  mtimeNs: 1_600_000_000_123_456_789n,
});
const symlink = (path: string, linkPath: string): TarFile => ({ path, type: "symlink", linkPath });
const hardLink = (path: string, linkPath: string): TarFile => ({
  path,
  type: "hardlink",
  linkPath,
});

interface Compared {
  readonly stack: OverlayResult;
  /** What the mounted stack shows. */
  readonly merged: Snapshot;
  /** In what a flat unpack is otherwise. */
  readonly different: readonly string[];
}

/** Mounts the stack of an image, and compares it with a flat unpack. */
async function compared(...layers: readonly (readonly TarFile[])[]): Promise<Compared> {
  tagImage(registry.content, layers);
  return comparedImage();
}

async function comparedImage(): Promise<Compared> {
  await lading.unpack(reference(), join(folder, "flat"));
  const stack = await lading.overlayStack(reference());
  const merged = await snapshot(await mountStack(folder, stack.lower, stack.userxattr));
  const flat = await snapshot(join(folder, "flat"));
  const different = differences(flat, merged, {
    names: ["flat", "overlay"],
    // A name that an upper layer hides still counts in the inode of the layer that has it.
    ignore: (_path, field, one, other) =>
      field === "links" && (other?.links ?? 0) > (one?.links ?? 0),
  });
  return { stack, merged, different };
}

const root = [directory("."), directory("usr"), directory("usr/lib")];

describe.skipIf(cannotMount)(
  `a mounted stack of layers${cannotMount ? ` (${cannotMount})` : ""}`,
  () => {
    it("keeps a lower tmp of 1777 under an entry without its parent", async () => {
      const { merged, different } = await compared(
        [...root, directory("tmp", 0o1777)],
        [file("tmp/x")],
      );
      expect(different).toEqual([]);
      expect(merged.get("tmp")?.mode).toBe(0o1777);
      expect(merged.get("")?.mtimeNs).toBe("1600000000123456789");
    });

    it("puts an entry below a lower symlink where that leads, and leaves the symlink", async () => {
      const { merged, different } = await compared(
        [...root, symlink("lib", "usr/lib"), file("usr/lib/a")],
        [file("lib/x"), file("lib/deep/er")],
        [file("lib/.wh.a"), file("lib/y")],
      );
      expect(different).toEqual([]);
      expect(merged.get("lib")?.type).toBe("symlink");
      expect([...merged.keys()].filter((path) => path.startsWith("usr/lib/")).sort()).toEqual([
        "usr/lib/deep",
        "usr/lib/deep/er",
        "usr/lib/x",
        "usr/lib/y",
      ]);
    });

    it("shows a hard link and the lower file that it names as one file", async () => {
      const { merged, different } = await compared(
        [...root, file("a", "one"), hardLink("usr/b", "a")],
        [...root, hardLink("usr/c", "usr/b")],
      );
      expect(different).toEqual([]);
      expect(merged.get("usr/c")?.names).toEqual(["a", "usr/b", "usr/c"]);
      expect(merged.get("a")?.links).toBe(3);
    });

    it("shows a link to a file that the same layer hides", async () => {
      const { merged, different } = await compared(
        [...root, file("a", "one")],
        [...root, file(".wh.a"), hardLink("new/b", "a")],
      );
      expect(different).toEqual([]);
      expect(merged.has("a")).toBe(false);
      expect(merged.get("new/b")?.size).toBe(3);
    });

    it("takes opaque directories and whiteouts through a symlink to where they belong", async () => {
      const { different } = await compared(
        [...root, symlink("lib", "/usr/lib"), directory("usr/lib/d"), file("usr/lib/d/old")],
        [file("lib/d/.wh..wh..opq"), file("lib/d/new")],
      );
      expect(different).toEqual([]);
    });

    it("needs nothing on top where every parent has its entry", async () => {
      const { stack, different } = await compared(
        [...root, directory("tmp", 0o1777), file("usr/a"), file("usr/lib/gone")],
        [...root, directory("tmp", 0o1777), file("tmp/x"), file("usr/lib/.wh.gone")],
      );
      expect(different).toEqual([]);
      expect(stack.lower).toHaveLength(2);
    });

    it("lists no whiteout in a directory that no other layer has", async () => {
      const { different } = await compared(
        [...root],
        [...root, directory("d"), file("d/.wh.never"), file("d/x"), file("d/.wh..wh..opq")],
      );
      expect(different).toEqual([]);
    });

    it("leaves out what lies below an opaque root", async () => {
      const { stack, different } = await compared(
        [...root, file("below")],
        [file(".wh..wh..opq"), file("x")],
        [file("y")],
      );
      expect(different).toEqual([]);
      expect(stack.lower).toHaveLength(3);
    });

    it("takes a layer that an image has twice only once", async () => {
      const twice = [...root, file("a"), file("usr/x")];
      const { different } = await compared(twice, [file(".wh.a"), symlink("usr", "opt")], twice);
      expect(different).toEqual([]);
    });

    it.each([1, 7, 26, 78, 109])(
      "is what a flat unpack makes of random layers, seed %i",
      async (seed) => {
        const moot = {
          whiteoutOfOwnName: true,
          impliedOverFile: true,
          impliedOverDanglingLink: true,
        };
        registry.content.tag("app:1", randomLayers(registry.content, { seed, moot }).descriptor);
        expect((await comparedImage()).different).toEqual([]);
      },
    );
  },
);

describe.skipIf(process.platform !== "linux")("a stack of layers", () => {
  it("is kept by a lease until that is removed", async () => {
    tagImage(registry.content, [[...root], [file("tmp/x")]]);
    const { lower, lease } = await lading.overlayStack(reference());
    expect(await lading.leases()).toMatchObject([{ id: lease.id, kind: "overlay" }]);
    await lading.remove(reference());
    await lading.collect();
    for (const path of lower) expect((await stat(path)).isDirectory()).toBe(true);
    await lading.removeLease(lease.id);
    await lading.collect();
    expect(await readdir(join(folder, "store", "layers"))).toEqual([]);
  });

  it("makes its top once, whoever asks", async () => {
    tagImage(registry.content, [[...root], [file("tmp/x")]]);
    await using other = await open({ root: join(folder, "store") });
    const asked = [lading, other, lading].map((one) => one.overlayStack(reference()));
    const [first, ...others] = await Promise.all(asked);
    for (const { lower } of others) expect(lower).toEqual(first?.lower);
    const made = await stat(first?.lower[0] ?? "");
    await lading.overlayStack(reference());
    expect((await stat(first?.lower[0] ?? "")).ino).toBe(made.ino);
    expect(await readdir(join(folder, "store", "staging"))).toEqual([]);
  });

  it("makes its top again after another boot, or from a damaged record", async () => {
    tagImage(registry.content, [[...root], [file("tmp/x")]]);
    const top = async (): Promise<string> =>
      (await lading.overlayStack(reference())).lower[0] ?? "";
    const record = join(await top(), "..", "fixup.json");
    const good = await readFile(record, "utf8");
    const damages = ["{", good.replace(/"bootId":"[^"]*"/, '"bootId":"another"')];
    for (const damaged of damages) {
      const mark = join(record, "..", "of-the-old-one");
      await writeFile(mark, "");
      await writeFile(record, damaged);
      await top();
      expect(JSON.parse(await readFile(record, "utf8"))).toEqual(JSON.parse(good));
      await expect(stat(mark)).rejects.toMatchObject({ code: "ENOENT" });
    }
  });

  it("fails as a flat unpack does at a link to nothing", async () => {
    tagImage(registry.content, [[...root], [hardLink("b", "nowhere")]]);
    const wrong = { code: "malformed", message: expect.stringContaining("hard link") };
    await expect(lading.overlayStack(reference())).rejects.toMatchObject(wrong);
    await expect(lading.unpack(reference(), join(folder, "x"))).rejects.toMatchObject(wrong);
    expect(await lading.leases()).toEqual([]);
  });

  it.skipIf(cannotMount)("is refused where no whiteout can be made, and flat goes on", async () => {
    tagImage(registry.content, [
      [...root, file("a")],
      [...root, file(".wh.a")],
    ]);
    const store = join(await mountOverlayBelow(folder), "store");
    await using there = await open({ root: store });
    await expect(there.overlayStack(reference())).rejects.toMatchObject({
      code: "unsupported",
      hint: expect.stringContaining("--root"),
    });
    await there.unpack(reference(), join(folder, "flat"));
    expect(await readdir(join(folder, "flat"))).toEqual(["usr"]);
  });
});
