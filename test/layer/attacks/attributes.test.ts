import { lstatSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadKernel } from "../../../src/disk/kernel/load.ts";
import { byteStringOf } from "../../../src/tar/byte-string.ts";
import type { TarFile } from "../../../src/tar/writer.ts";
import { device, directory, fifo, file, rewritten, symlink } from "./rig/entries.ts";
import { all, everyWay } from "./rig/rig.ts";

const kernel = await loadKernel();
const value = Buffer.from("y");

everyWay("attributes that say too much,", (rig) => {
  const root = rig.way.user === undefined && process.getuid?.() === 0;

  it("drops what steers overlayfs and what forges owners, and says so", async () => {
    const xattrs = {
      "trusted.overlay.opaque": value,
      "trusted.overlay.redirect": Buffer.from("/etc"),
      "user.overlay.opaque": value,
      "user.overlay.metacopy": value,
      "user.containers.override_stat": Buffer.from("0:0:04755"),
      "user.rootlesscontainers": Buffer.from("0801", "hex"),
    };
    for (const cached of [false, true]) {
      const { target, warnings, error } = await rig.unpack(
        [[{ ...directory("d"), xattrs }, file("d/f", "new", { xattrs })]],
        { options: { xattrs: "all" }, cached },
      );
      expect(error).toBeUndefined();
      for (const path of ["d", "d/f"]) expect(kernel?.listXattrs(join(target, path))).toEqual([]);
      expect(warnings.join()).toContain("overlay attribute");
      expect(warnings.join()).toContain("forges an owner");
    }
  });

  it("keeps security.* and trusted.* only when asked to, and reports names without their text", async () => {
    const evil = "\u001b[2Jx.y";
    const xattrs = { "trusted.x": value, "security.selinux": value, [evil]: value };
    const layers = [[file("f", "new", { xattrs: { ...xattrs, "user.kept": value } })]];
    await all(["safe", "none", "all"] as const, async (policy) => {
      const { target, warnings } = await rig.unpack(layers, { options: { xattrs: policy } });
      const names = kernel?.listXattrs(join(target, "f")) ?? [];
      const kept = rig.way.native && policy !== "none";
      expect(names.includes(byteStringOf("user.kept"))).toBe(kept);
      expect(names.includes(byteStringOf("trusted.x"))).toBe(kept && root && policy === "all");
      expect(warnings.join()).not.toContain("\u001b");
    });
  });

  it.runIf(root)(
    "CVE-2024-40635: ids up to 2^32 - 2 are what they say, beyond it none",
    async () => {
      const { target, error } = await rig.unpack([
        [file("f", "", { uid: 2147483648, gid: 4294967294 })],
      ]);
      expect(error).toBeUndefined();
      expect(lstatSync(join(target, "f"))).toMatchObject({ uid: 2147483648, gid: 4294967294 });
    },
  );

  it("CVE-2024-40635: an id that wraps round is refused", async () => {
    const base256 = (bytes: number[]) => (header: Buffer) => header.set(bytes, 108);
    const tars = [
      rewritten([file("f")], base256([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
      rewritten([file("f")], base256([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])),
      rewritten([file("f")], base256([0x80, 0, 0, 1, 0, 0, 0, 0])),
    ];
    await all(tars, async (tar) => {
      expect((await rig.unpack([{ tar }])).error?.code).toBe("malformed");
    });
  });

  it("what a mode can't be is not lost in silence", async () => {
    const layers = [
      [fifo("p"), device("c"), { ...symlink("s", "x"), uid: 7, xattrs: { "user.x": value } }],
    ];
    const { tree, warnings } = await rig.unpack(layers);
    const list = warnings.join();
    expect(tree?.p).toBe(rig.way.native ? "fifo 644" : "file 644");
    expect(tree?.c).toBe(rig.way.native && root ? "character device 1:3 644" : "file 644");
    if (!(rig.way.native && root)) expect(list).toContain("device node");
    if (!rig.way.native) expect(list).toContain("FIFO");
    expect(list).toContain("attribute user.*");
  });

  it("keeps attributes of what its owner may not write to", async () => {
    if (!rig.way.native) return;
    const xattrs = { "user.x": value };
    const locked: TarFile[] = [
      { ...directory("d", 0o555), xattrs },
      file("d/f", "new", { mode: 0o444, xattrs }),
      { ...directory("zero", 0), xattrs },
      file("zero/g", "new", { mode: 0, xattrs }),
    ];
    for (const cached of [false, true]) {
      const { target, tree } = await rig.unpack([locked, [file("d/h"), file("zero/i")]], {
        cached,
      });
      expect(tree).toMatchObject({
        d: "directory 555",
        "d/f": "file 444 new",
        zero: "directory 0",
        "zero/g": "file 0 new",
        "zero/i": "file 644 new",
      });
      for (const path of ["d", "d/f", "zero", "zero/g"]) {
        expect(kernel?.listXattrs(join(target, path)), path).toEqual(["user.x"]);
      }
    }
  });

  it("writes owners as those who read them expect, byte for byte", async () => {
    if (!rig.way.native) return;
    const owned = { uid: 1000, gid: 65534 };
    const layers = [
      [
        { ...directory("d", 0o1777), ...owned },
        file("f", "", { mode: 0o4755, ...owned }),
        file("root", "", { mode: 0 }),
        { ...device("c", 10, 200), mode: 0o660 },
        file("zero", "", { uid: 0, gid: 3 }),
      ],
    ];
    const read = async (ownership: "override-stat" | "rootless", names: readonly string[]) => {
      const { target, error } = await rig.unpack(layers, { options: { ownership } });
      expect(error).toBeUndefined();
      const attribute =
        ownership === "rootless" ? "user.rootlesscontainers" : "user.containers.override_stat";
      return names.map((name) => {
        const bytes = kernel?.getXattr(join(target, name), byteStringOf(attribute));
        return bytes && Buffer.from(bytes);
      });
    };
    const override = await read("override-stat", ["d", "f", "root", "c"]);
    expect(override.map(String)).toEqual([
      "1000:65534:01777",
      "1000:65534:04755",
      "0:0:00",
      "0:0:0660:char-10-200",
    ]);
    // uid = 1 (varint 1000), gid = 2 (varint 65534); zeros are not written, nor an empty message.
    const rootless = await read("rootless", ["f", "root", "zero"]);
    expect(rootless.map((bytes) => bytes?.toString("hex"))).toEqual([
      "08e80710feff03",
      undefined,
      "1003",
    ]);
  });

  it.runIf(root)("puts ids where the maps say, and refuses one that none holds", async () => {
    const maps = {
      uidMap: [{ inside: 0, outside: 100000, size: 1000 }],
      gidMap: [{ inside: 5, outside: 7, size: 1 }],
    };
    const { target } = await rig.unpack(
      [[file("f", "", { uid: 999, gid: 5 }), { ...directory("."), gid: 5 }]],
      {
        options: maps,
      },
    );
    expect(lstatSync(join(target, "f"))).toMatchObject({ uid: 100999, gid: 7 });
    const { error } = await rig.unpack([[file("f", "", { uid: 1000, gid: 5 })]], { options: maps });
    expect(error).toMatchObject({
      code: "unsupported",
      hint: expect.stringContaining("--uid-map"),
    });
  });

  it("is all the caller's own when squashed", async () => {
    const { target } = await rig.unpack([[file("f", "", { uid: 5, gid: 6 })]], {
      options: { ownership: "squash" },
    });
    expect(lstatSync(join(target, "f")).uid).toBe(rig.way.user ?? process.getuid?.());
  });
});
