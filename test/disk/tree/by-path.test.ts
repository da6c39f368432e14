import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  type OpenDirectory,
  openByDescriptor,
  openByPath,
} from "../../../src/disk/tree/directory.ts";
import { directoryOpener } from "../../../src/disk/tree/open-tree.ts";
import { Tree } from "../../../src/disk/tree/tree.ts";
import { mergeLayer } from "../../../src/layer/merge/merge.ts";
import { writeNoMarks } from "../../../src/layer/record-files.ts";
import { type ByteString, byteStringOf } from "../../../src/tar/byte-string.ts";
import { directory, file, symlink } from "../../layer/attacks/rig/entries.ts";
import { fingerprint, listing } from "../../layer/attacks/rig/listing.ts";
import { applied } from "../../layer/folding/folding-disk.ts";
import { temporaryFolder } from "../../temporary.ts";

const NOBODY = 65534;
const isRoot = process.geteuid?.() === 0;

describe("how directories are held open", () => {
  it.runIf(process.platform === "linux")("by descriptor on Linux", () => {
    expect(directoryOpener("linux")).toBe(openByDescriptor);
  });

  it("by path on macOS, and where /proc is not mounted", () => {
    expect(directoryOpener("darwin")).toBe(openByPath);
    expect(directoryOpener("linux", "/there/is/no/such/place")).toBe(openByPath);
  });
});

const ways: readonly (readonly [string, OpenDirectory])[] = [
  ["by path", openByPath],
  ...(process.platform === "linux" ? ([["by descriptor", openByDescriptor]] as const) : []),
];

describe.each(ways)("a tree %s", (_, openDirectory) => {
  const opened = (path: string): Tree => new Tree(path, { openDirectory });

  /** A tree, and beside it a folder that no name of the tree leads to. */
  async function prepared(): Promise<{ readonly root: string; readonly outside: string }> {
    const folder = await temporaryFolder();
    const [root, outside] = [join(folder, "root"), join(folder, "outside")];
    for (const path of [root, outside]) mkdirSync(path);
    writeFileSync(join(outside, "canary"), "alive");
    return { root, outside };
  }

  it("links among the parents lead inside it, wherever they point", async () => {
    const { root, outside } = await prepared();
    const before = fingerprint(outside);
    using tree = opened(root);
    applied(
      tree,
      [
        symlink("up", "../outside"),
        file("up/a"),
        symlink("absolute", outside),
        file("absolute/b"),
        symlink("canary", join(outside, "canary")),
        file("canary"),
      ],
      undefined,
    );
    expect(fingerprint(outside)).toEqual(before);
    expect(listing(root)).toMatchObject({
      "outside/a": "file 644 new",
      [`${outside.slice(1)}/b`]: "file 644 new",
      canary: "file 644 new",
    });
  });

  it("neither a link nor a file is a directory to it", async () => {
    const { root, outside } = await prepared();
    symlinkSync(outside, join(root, "link"));
    writeFileSync(join(root, "file"), "");
    using tree = opened(root);
    for (const name of ["link", "file"]) {
      expect(() => tree.child(tree.root, name as ByteString), name).toThrow(/ENOTDIR|ELOOP/);
    }
    expect(() => tree.directory("file/x" as ByteString)).toThrow(/not a directory/);
  });

  it("names that are no text come back as they were", async () => {
    const { root } = await prepared();
    using tree = opened(root);
    tree.directory("d\xff/\xfe" as ByteString, () => {});
    expect(Object.keys(listing(root))).toEqual(["", "d\xff", "d\xff/\xfe"]);
    tree.remove(tree.root, "d\xff" as ByteString);
    expect(Object.keys(listing(root))).toEqual([""]);
  });

  it("removing follows no link, and stops at no depth", async () => {
    const { root, outside } = await prepared();
    const before = fingerprint(outside);
    const deep = join(root, "gone", ...Array<string>(200).fill("d"));
    mkdirSync(deep, { recursive: true });
    symlinkSync(outside, join(deep, "link"));
    using tree = opened(root);
    const gone: ByteString[] = [];
    tree.remove(tree.root, byteStringOf("gone"), (path) => gone.push(path));
    expect(Object.keys(listing(root))).toEqual([""]);
    expect(gone).toHaveLength(201);
    expect(gone.every((path) => /^gone(\/d)*$/.test(path))).toBe(true);
    expect(fingerprint(outside)).toEqual(before);
  });

  it.runIf(isRoot)(
    "a layer moves over another one, locked directories too, without root",
    async () => {
      const folder = await temporaryFolder();
      const [base, staging] = [join(folder, "base"), join(folder, "staging")];
      for (const path of [base, staging, join(staging, "rootfs")]) mkdirSync(path);
      for (const path of [folder, base, staging, join(staging, "rootfs")]) {
        chownSync(path, NOBODY, NOBODY);
      }
      as(NOBODY, () => {
        writeNoMarks(staging);
        using below = opened(base);
        applied(below, [directory("both"), file("both/lower")], undefined);
        using above = opened(join(staging, "rootfs"));
        const locked = [directory("new", 0o555), file("new/x"), directory("both/in", 0o500)];
        applied(above, [directory("both", 0o555), ...locked], undefined);
        const request = { type: "merge", base, staging, folding: "none" } as const;
        mergeLayer(request, undefined, () => {}, opened);
      });
      expect(listing(base)).toMatchObject({
        new: "directory 555",
        "new/x": "file 644 new",
        both: "directory 555",
        "both/in": "directory 500",
        "both/lower": "file 644 new",
      });
      expect(statSync(join(base, "new")).uid).toBe(NOBODY);
      chmodSync(base, 0o755);
    },
  );
});

/** Work as another user; the thread is root again afterwards. */
function as(user: number, work: () => void): void {
  process.setegid?.(user);
  process.seteuid?.(user);
  try {
    work();
  } finally {
    root();
  }
}

function root(): void {
  if (!isRoot) return;
  process.seteuid?.(0);
  process.setegid?.(0);
}

afterEach(root);
