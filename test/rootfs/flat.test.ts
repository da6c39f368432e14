import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRegistry, type TestRegistry } from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import { lading as command } from "../cli/run-command.ts";
import { someFiles, tagImage } from "../layer/unpack-rig.ts";
import { temporaryFolder } from "../temporary.ts";
import { cannotMount, unmountAfterTest } from "./overlay/mounted.ts";

let registry: TestRegistry;
let folder: string;
let lading: Lading;
let reference: string;

beforeEach(async () => {
  registry = await createRegistry();
  folder = await temporaryFolder();
  lading = await open({ root: join(folder, "store") });
  reference = `${registry.address}/app:1`;
  tagImage(registry.content, [
    [...someFiles("etc", 3, 100), { path: "etc/old", type: "file", content: Buffer.from("old") }],
    [{ path: "etc/.wh.old", type: "file" }, ...someFiles("opt", 3, 100)],
  ]);
});
afterEach(async () => {
  await lading.close();
  await registry.close();
});

const target = (): string => join(folder, "rootfs");
const expectWhole = async (path = target()): Promise<void> => {
  expect((await readdir(join(path, "etc"))).sort()).toEqual(["0", "1", "2"]);
  expect(await readdir(join(path, "opt"))).toHaveLength(3);
};
/** What is beside the target but the store. */
const others = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name !== "store" && name !== "rootfs");

describe("unpacking into one directory", () => {
  it("makes the directory, its parents too, and says where it is", async () => {
    const deep = join(folder, "a", "b", "rootfs");
    const result = await lading.unpack(reference, deep);
    expect(result).toMatchObject({ path: deep, layers: 2, reference });
    await expectWhole(deep);
  });

  it("asks no registry for what the store has", async () => {
    await lading.pull(reference);
    await registry.close();
    await lading.unpack(reference, target());
    await expectWhole();
    expect(await others()).toEqual([]);
  });

  it("takes an empty directory's place", async () => {
    await mkdir(target());
    await lading.unpack(reference, target());
    await expectWhole();
  });

  it("leaves alone what is in its way, and says how to go on", async () => {
    await mkdir(target());
    await writeFile(join(target(), "mine"), "");
    await expect(lading.unpack(reference, target())).rejects.toMatchObject({
      code: "disk",
      message: expect.stringContaining("not empty"),
      hint: expect.stringContaining("--force"),
    });
    expect(await readdir(target())).toEqual(["mine"]);
    expect(await others()).toEqual([]);
  });

  it("lays the image over what is there when it is told to", async () => {
    await mkdir(join(target(), "etc"), { recursive: true });
    await writeFile(join(target(), "etc", "0"), "mine");
    await writeFile(join(target(), "mine"), "");
    await lading.unpack(reference, target(), { force: true });
    expect((await readdir(target())).sort()).toEqual(["etc", "mine", "opt"]);
    expect(await readFile(join(target(), "etc", "0"))).toHaveLength(100);
  });

  it("refuses a file in its place", async () => {
    await writeFile(target(), "");
    await expect(lading.unpack(reference, target())).rejects.toMatchObject({
      code: "disk",
      message: expect.stringContaining("a file"),
    });
  });

  it("follows a symbolic link of the caller's to where it leads", async () => {
    await mkdir(join(folder, "elsewhere"));
    await symlink("elsewhere", target());
    await lading.unpack(reference, target());
    await expectWhole(join(folder, "elsewhere"));
  });

  it("leaves nothing when a layer fails", async () => {
    const limits = { maxEntries: 2 };
    await expect(lading.unpack(reference, target(), { limits })).rejects.toMatchObject({
      code: "limit-exceeded",
      hint: expect.stringContaining("--max-entries"),
    });
    expect(await readdir(folder)).toEqual(["store"]);
  });

  it("clears away what a killed one left of the same target, and only that", async () => {
    await lading.unpack(reference, target(), {
      async onEvent(event) {
        if (event.type === "resolved") await writeFile(join(folder, "note"), "");
      },
    });
    const mine = (await import("node:crypto"))
      .createHash("sha256")
      .update(join(folder, "store"))
      .digest("hex")
      .slice(0, 8);
    const left = [
      `.again.lading-${mine}-0011`,
      ".again.lading-ffffffff-0011",
      ".other.lading-0011",
    ];
    for (const name of left) await mkdir(join(folder, name, "0", "rootfs"), { recursive: true });
    await lading.unpack(reference, join(folder, "again"));
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual(left.slice(1));
  });

  it("copies what the cache has unpacked, and links it only when asked", async () => {
    await lading.pull(reference, { unpack: true });
    const [copied, linked] = [join(folder, "copied"), join(folder, "linked")];
    await lading.unpack(reference, copied);
    await lading.unpack(reference, linked, { link: "hardlink" });
    await expectWhole(copied);
    await expectWhole(linked);
    expect((await stat(join(copied, "etc", "0"))).nlink).toBe(1);
    expect((await stat(join(linked, "etc", "0"))).nlink).toBe(2);
  });
});

describe("an image without layers", () => {
  // The umask is the process's: one of its own has it.
  const withUmask = async (...words: readonly string[]): Promise<void> => {
    tagImage(registry.content, []);
    const wrapper = ["sh", "-c", 'umask 077; exec "$@"', "sh"];
    const ran = await command([...words], { home: folder, wrapper });
    expect(ran.code, ran.stderr).toBe(0);
  };

  it("has a root like that of a layer without entries, whatever the umask", async () => {
    await withUmask("unpack", reference, target());
    const found = await stat(target());
    expect(found.mode & 0o7777).toBe(0o755);
    expect(found.mtimeMs).toBe(0);
  });

  it.skipIf(cannotMount)("has the same when it is mounted", async () => {
    await withUmask("mount", reference, target());
    unmountAfterTest(target());
    const found = await stat(target());
    expect(found.mode & 0o7777).toBe(0o755);
    expect(found.mtimeMs).toBe(0);
  });

  it.skipIf(process.geteuid?.() !== 0)("takes nothing from a folder with setgid", async () => {
    tagImage(registry.content, []);
    const shared = join(folder, "shared");
    await mkdir(shared);
    await chown(shared, 0, 1234);
    await chmod(shared, 0o2755);
    const map = [{ inside: 0, outside: 100_000, size: 10 }];
    await lading.unpack(reference, join(shared, "kept"));
    await lading.unpack(reference, join(shared, "moved"), { uidMap: map, gidMap: map });
    const [kept, moved] = await Promise.all(
      ["kept", "moved"].map((name) => stat(join(shared, name))),
    );
    expect(kept).toMatchObject({ mode: 0o040755, uid: 0, gid: 0 });
    expect(moved).toMatchObject({ mode: 0o040755, uid: 100_000, gid: 100_000 });
  });
});

describe("an image with an entry in the place of our marker", () => {
  const entry = { path: ".lading-incomplete", type: "file", content: Buffer.from("x") } as const;

  it("is refused by the entry's name, and nothing of it is left", async () => {
    tagImage(registry.content, [someFiles("etc", 1, 10), [entry]]);
    await expect(lading.unpack(reference, target())).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("/.lading-incomplete"),
    });
    expect(await readdir(folder)).toEqual(["store"]);
  });

  it.each([
    ["a folder", { path: ".lading-incomplete/x", type: "file" }],
    ["a link", { path: ".lading-incomplete", type: "symlink", linkPath: "/etc/passwd" }],
  ] as const)("is refused when it is %s", async (_, other) => {
    tagImage(registry.content, [[other]]);
    await expect(lading.unpack(reference, target())).rejects.toMatchObject({ code: "unsupported" });
  });

  it("is none when a layer above takes it away, or when it stands elsewhere", async () => {
    tagImage(registry.content, [
      [entry, { ...entry, path: "etc/.lading-incomplete" }],
      [{ path: ".wh..lading-incomplete", type: "file" }],
    ]);
    await lading.unpack(reference, target());
    expect(await readdir(target())).toEqual(["etc"]);
    expect(await readdir(join(target(), "etc"))).toEqual([".lading-incomplete"]);
  });
});

describe.skipIf(process.geteuid?.() !== 0)("unpacking onto a file system of its own", () => {
  const mounted = async (work: () => Promise<void>): Promise<void> => {
    await mkdir(target());
    execFileSync("mount", ["-t", "tmpfs", "none", target()]);
    try {
      await work();
    } finally {
      execFileSync("umount", [target()]);
    }
  };

  it("fills it in place, beside what mkfs left there", () =>
    mounted(async () => {
      await mkdir(join(target(), "lost+found"));
      await chmod(target(), 0o700);
      await lading.unpack(reference, target());
      await expectWhole();
      expect((await readdir(target())).sort()).toEqual(["etc", "lost+found", "opt"]);
      expect((await stat(target())).mode & 0o777).toBe(0o755);
    }));

  it("says so when an earlier one broke off in it", () =>
    mounted(async () => {
      await writeFile(join(target(), ".lading-incomplete"), "");
      await mkdir(join(target(), "etc"));
      await expect(lading.unpack(reference, target())).rejects.toMatchObject({
        message: expect.stringContaining("interrupted"),
      });
      await lading.unpack(reference, target(), { force: true });
      expect((await readdir(target())).sort()).toEqual(["etc", "opt"]);
    }));

  it("leaves alone what is there when the image has an entry like the marker", () =>
    mounted(async () => {
      tagImage(registry.content, [[{ path: ".lading-incomplete", type: "file" }]]);
      await writeFile(join(target(), "mine"), "");
      const unpacked = lading.unpack(reference, target(), { force: true });
      await expect(unpacked).rejects.toMatchObject({ code: "unsupported" });
      expect(await readdir(target())).toEqual(["mine"]);
    }));
});
