import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadKernel } from "../../../src/disk/kernel/load.ts";
import { byteStringOf } from "../../../src/tar/byte-string.ts";
import { directory, fifo, file, symlink } from "./rig/entries.ts";
import { all, everyWay, NOBODY } from "./rig/rig.ts";

const kernel = await loadKernel();

const lower = [
  directory("d", 0o777),
  file("d/f", "new", { mode: 0o666 }),
  fifo("p"),
  symlink("l", "a/b"),
];
const upper = [file("l/x", "new", { mode: 0o666 }), file("i/y"), { ...directory("d/e", 0o1777) }];
const plain = {
  "": "directory 755",
  d: "directory 777",
  "d/f": "file 666 new",
  "d/e": "directory 1777",
  l: "link to a/b",
  a: "directory 755",
  "a/b": "directory 755",
  "a/b/x": "file 666 new",
  i: "directory 755",
  "i/y": "file 644 new",
};

everyWay("what the host brings,", (rig) => {
  it("a umask does not leak in", async () => {
    // Only root can go on in directories that are closed to their owner.
    const masks = rig.way.user === undefined ? [0, 0o077, 0o777] : [0, 0o077];
    for (const umask of masks) {
      for (const cached of [false, true]) {
        const { error, tree } = await rig.unpack([lower, upper], { umask, cached });
        expect(error).toBeUndefined();
        expect(tree).toMatchObject(plain);
      }
    }
  });

  it("a parent's setgid bit and group do not leak in", async () => {
    const group = rig.way.user === undefined ? NOBODY : undefined;
    for (const cached of [false, true]) {
      const { tree, target } = await rig.unpack([lower, upper], {
        cached,
        arrange: (work) => {
          if (group !== undefined) chownSync(work, 0, group);
          chmodSync(work, 0o2755);
        },
      });
      expect(tree).toMatchObject(plain);
      for (const path of ["", ...Object.keys(plain)]) {
        expect(lstatSync(join(target, path)).gid, path).toBe(rig.way.user ?? process.getgid?.());
      }
    }
  });

  it("a parent's default ACL does not leak in", async (context) => {
    if (!rig.way.native || kernel === undefined) context.skip("Node can't see ACLs");
    const name = byteStringOf("system.posix_acl_default");
    for (const cached of [false, true]) {
      const { tree, target } = await rig.unpack([lower, upper], {
        cached,
        arrange: (work) => kernel?.setXattr(work, name, acl()),
      });
      expect(tree).toMatchObject(plain);
      for (const path of Object.keys(plain)) {
        expect(kernel?.listXattrs(join(target, path)), path).toEqual([]);
      }
    }
  });

  it("what its owner has locked can be merged, copied and removed", async () => {
    const locked = [
      directory("zero", 0),
      file("zero/f", "new", { mode: 0 }),
      directory("zero/sub", 0),
      file("zero/sub/g"),
      directory("read", 0o555),
      directory("read/sub", 0o111),
      file("read/sub/h", "new", { mode: 0o400 }),
    ];
    const over = [
      directory("zero/sub", 0o500),
      file("zero/sub/more"),
      file("read/.wh.sub", ""),
      file("read/i"),
    ];
    for (const cached of [false, true]) {
      const { error, tree } = await rig.unpack(
        [locked, over, [symlink("s", "read")], [file("s/z")]],
        { cached },
      );
      expect(error).toBeUndefined();
      expect(tree).toEqual({
        "": "directory 755",
        zero: "directory 0",
        "zero/f": "file 0 new",
        "zero/sub": "directory 500",
        "zero/sub/g": "file 644 new",
        "zero/sub/more": "file 644 new",
        read: "directory 555",
        "read/i": "file 644 new",
        "read/z": "file 644 new",
        s: "link to read",
      });
    }
    // Half-made, and then a fault: the rig sees that nothing is left.
    await all(
      [
        [...locked, file("../x")],
        [...locked, directory("zero", 0), file("..")],
      ],
      async (layer) => {
        expect((await rig.unpack([layer])).error?.code).toBe("malformed");
      },
    );
  });

  it("a link in the place of our marker is not written through", async () => {
    const link = symlink(".lading-incomplete", "../../outside/canary");
    const refused = await rig.unpack([[link, file("a")]]);
    expect(refused.error?.code).toBe("unsupported");
    expect(refused.tree).toBeUndefined();
    // What something else has put there.
    const { target } = await rig.unpack([[file("a")]]);
    symlinkSync("../../outside/canary", join(target, ".lading-incomplete"));
    const { error, tree } = await rig.unpack([[file("b")]], { target, options: { force: true } });
    expect(error).toBeUndefined();
    expect(tree).toEqual({ "": "directory 755", a: "file 644 new", b: "file 644 new" });
  });

  it("a target's own links do not lead out either", async () => {
    const arrange = (work: string): void => {
      mkdirSync(join(work, "rootfs"));
    };
    const { target } = await rig.unpack([[symlink("up", "../../outside"), file("keep")]]);
    const again = [[file("up/x"), file("up/.wh.canary", "")]];
    const { error, tree } = await rig.unpack(again, { target, options: { force: true } });
    expect(error).toBeUndefined();
    expect(tree).toMatchObject({ "up/x": "file 644 new", keep: "file 644 new" });
    const empty = await rig.unpack([[file("x")]], { arrange });
    expect(empty.tree).toMatchObject({ x: "file 644 new" });
  });
});

/** Of a directory that another user may read and write: version 2, user::rwx user:7:rwx group::r-x mask::rwx other::--- */
function acl(): Buffer {
  const entries = [
    [0x01, 7, 0xffffffff],
    [0x02, 7, 7],
    [0x04, 5, 0xffffffff],
    [0x10, 7, 0xffffffff],
    [0x20, 0, 0xffffffff],
  ] as const;
  const bytes = Buffer.alloc(4 + 8 * entries.length);
  bytes.writeUInt32LE(2, 0);
  for (const [index, [tag, perm, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + 8 * index);
    bytes.writeUInt16LE(perm, 6 + 8 * index);
    bytes.writeUInt32LE(id, 8 + 8 * index);
  }
  return bytes;
}
