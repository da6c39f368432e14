import type { TarFile } from "../../src/tar/writer.ts";

const BASE = 1_600_000_000_123_456_789n;
const ROOT = directory(".", 0o755);

/** Layers of images that are about one thing each. */
export const craftedImages: Readonly<Record<string, readonly (readonly TarFile[])[]>> = {
  "a lower tmp/ of mode 1777, an upper tmp/x without tmp/": [
    [ROOT, directory("tmp", 0o1777), file("tmp/old", "old")],
    [file("tmp/x", "new")],
  ],
  "a lower lib -> usr/lib, an upper lib/x without lib/": [
    [ROOT, directory("usr"), directory("usr/lib"), file("usr/lib/old", "old"), link("lib")],
    [file("lib/x", "new"), directory("lib/sub", 0o700), file("lib/sub/y", "new")],
  ],
  "an upper hard link to a lower file": [
    [ROOT, directory("a"), file("a/lower", "content", { mode: 0o4755, uid: 7 })],
    [directory("b"), { ...file("b/link", "", { mode: 0o4755, uid: 7 }), ...hard("a/lower") }],
    [file("c", "another layer")],
  ],
  "a lower tmp/ of mode 1777, changed three layers up, with a whiteout in it": [
    [ROOT, directory("tmp", 0o1777), file("tmp/old", "old"), file("tmp/gone", "gone")],
    [file("etc", "unrelated")],
    [file("tmp/.wh.gone", "")],
    [file("tmp/x", "new"), { ...hard("tmp/old"), path: "tmp/again" }],
  ],
  "everything that is tricky": tricky(),
};

/** What `tricky` of the images for measuring holds. */
function tricky(): TarFile[][] {
  const long = "n".repeat(200);
  const program = Buffer.from("#!/bin/true\n");
  const sparse = Buffer.alloc(5 * 1024 * 1024);
  sparse[3_000_000] = 0x78;
  const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
  const lower: TarFile[] = [
    directory("."),
    directory("dir"),
    file("dir/a", "a\n"),
    directory("dir/sub"),
    { ...file("dir/sub/hard", ""), ...hard("dir/a") },
    link("dir/escape-link", "../../../../etc/passwd"),
    file("dir/removed", "keep\n"),
    link("abs-link", "/abs/target"),
    link("loop", "loop"),
    directory("long"),
    directory(`long/${long}`),
    directory(`long/${long}/${long}`),
    file(`long/${long}/${long}/${long}`, "long\n"),
    link("long/link", long + long),
    file("ünïcode-名前", "ünï\n"),
    file("new\nline", "nl\n"),
    { path: "fifo", type: "fifo", mtimeNs: BASE },
    { path: "cdev", type: "character-device", device: { major: 1, minor: 3 }, mtimeNs: BASE },
    { path: "bdev", type: "block-device", device: { major: 7, minor: 0 }, mtimeNs: BASE },
    { ...file("sparse", ""), content: sparse },
    { ...file("suid", "", { mode: 0o4755 }), content: program },
    { ...file("cap", "", { mode: 0o755 }), xattrs: { "security.capability": capability } },
    {
      ...file("xattr", "x\n"),
      xattrs: { "user.test": Buffer.from("value"), "user.bin": Buffer.from("00ff0a", "hex") },
    },
    file("uid", "u\n", { uid: 1_234_567, gid: 7_654_321, mtimeNs: 981_173_106_123_456_789n }),
    directory("sticky", 0o1777),
    file("readonly", "ro\n", { mode: 0o444 }),
    directory("ro-dir", 0o555),
    file("ro-dir/in", "i\n"),
    file("empty", ""),
    directory("replace-dir-by-file"),
    file("replace-dir-by-file/f", "f\n"),
    file("replace-file-by-dir", "f\n"),
    directory("opaque"),
    directory("opaque/old"),
    file("opaque/old/f", "old\n"),
    link("dirlink", "dir"),
  ];
  const upper: TarFile[] = [
    directory("."),
    file(".wh.empty", ""),
    directory("dir"),
    file("dir/.wh.removed", ""),
    directory("dirlink"),
    file("dirlink/through", "through\n"),
    directory("opaque"),
    file("opaque/.wh..wh..opq", ""),
    file("opaque/new", "new\n"),
    file("replace-dir-by-file", "now-file\n"),
    directory("replace-file-by-dir"),
    file("replace-file-by-dir/g", "g\n"),
  ];
  return [lower, upper];
}

function directory(path: string, mode = 0o755): TarFile {
  return { path, type: "directory", mode, mtimeNs: BASE };
}

function file(path: string, content: string, attributes: Partial<TarFile> = {}): TarFile {
  const bytes = Buffer.from(content);
  return { path, type: "file", mode: 0o644, mtimeNs: BASE, content: bytes, ...attributes };
}

function link(path: string, linkPath = `usr/${path}`): TarFile {
  return { path, type: "symlink", mode: 0o777, mtimeNs: BASE, linkPath };
}

function hard(linkPath: string): Pick<TarFile, "type" | "linkPath" | "mtimeNs"> {
  return { type: "hardlink", linkPath, mtimeNs: BASE };
}
