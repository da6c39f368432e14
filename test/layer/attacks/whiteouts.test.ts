import { expect, it } from "vitest";
import { device, directory, file, hardlink, symlink } from "./rig/entries.ts";
import { all, everyWay } from "./rig/rig.ts";

const OUTSIDE = "../../outside";

everyWay("whiteouts that are after something else,", (rig) => {
  it("CVE-2026-50163: through a parent that is a symbolic link", async () => {
    await all([OUTSIDE, "/../../outside", "/"], async (target) => {
      const lower = [symlink("up", target), directory("outside"), file("outside/canary")];
      const upper = [file("up/.wh.canary", ""), file("up/.wh..wh..opq", "")];
      for (const layers of [[lower, upper], [[...lower, ...upper]]]) {
        expect((await rig.unpack(layers)).error, target).toBeUndefined();
      }
    });
  });

  it("hides what is below at the link's place inside, and nothing of its own layer", async () => {
    const { tree } = await rig.unpack([
      [directory("usr/lib"), symlink("lib", "usr/lib"), file("usr/lib/old"), file("usr/lib/gone")],
      [file("lib/.wh.gone", ""), file("lib/x")],
      [file("usr/lib/y"), file("usr/lib/.wh..wh..opq", ""), file("lib/z")],
    ]);
    expect(Object.keys(tree ?? {}).sort()).toEqual([
      "",
      "lib",
      "usr",
      "usr/lib",
      "usr/lib/y",
      "usr/lib/z",
    ]);
  });

  it("hides lower layers only, wherever it stands in its own", async () => {
    const own = [file("d/mine"), file("d/.wh..wh..opq", ""), file("d/.wh.mine", "")];
    await all([own, own.toReversed()], async (upper) => {
      const { tree } = await rig.unpack([[file("d/theirs")], upper]);
      expect(tree?.["d/mine"]).toBe("file 644 new");
      expect(tree).not.toHaveProperty("d/theirs");
    });
  });

  it("image-spec #1257: .wh. alone, and of . and ..", async () => {
    await all(["d/.wh.", ".wh.", ".wh..", "d/.wh...", "d/.wh..."], async (name) => {
      expect((await rig.unpack([[file(name, "")]])).error?.code, name).toBe("malformed");
    });
  });

  it("a name of AUFS or a whiteout is no file, not even as a directory or a link", async () => {
    const { tree } = await rig.unpack([
      [
        file(".wh..wh.plnk/5.6", "x"),
        directory(".wh.d"),
        symlink(".wh.s", OUTSIDE),
        hardlink(".wh.h", "etc/passwd"),
      ],
    ]);
    expect(tree).toEqual({ "": "directory 755" });
  });

  it("what said something of a directory says nothing of the link in its place", async () => {
    const { error, tree } = await rig.unpack([
      [directory("e"), file("e/x", "old"), file("base")],
      [file("d/.wh.x", ""), file("d/.wh..wh..opq", ""), hardlink("d/y", "base"), symlink("d", "e")],
    ]);
    expect(error).toBeUndefined();
    expect(tree).toMatchObject({ d: "link to e", "e/x": "file 644 old" });
    expect(tree).not.toHaveProperty("e/y");
  });

  it("a device 0:0 of the layer's own is no whiteout, nor one whose numbers come out as that", async () => {
    const lower = [file("a", "old")];
    const { tree, warnings } = await rig.unpack([lower, [device("a", 0, 0)]]);
    expect(tree?.a).toBe("file 644 old");
    expect(warnings.join()).toContain("device 0:0");
    await all(
      [
        [4096, 0],
        [0, 1048576],
        [4096, 1048576],
      ] as const,
      async ([major, minor]) => {
        const { error } = await rig.unpack([lower, [device("a", major, minor)]], { cached: true });
        expect(error?.code).toBe("malformed");
      },
    );
  });
});
