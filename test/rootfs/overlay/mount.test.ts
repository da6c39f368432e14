import { execFileSync } from "node:child_process";
import { mkdir, open as openFile, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TarFile } from "../../../src/tar/writer.ts";
import { createRegistry, type TestRegistry } from "../../../src/testkit/index.ts";
import { type Lading, open } from "../../../src/verbs/open.ts";
import { lading as command } from "../../cli/run-command.ts";
import { someFiles, tagImage } from "../../layer/unpack-rig.ts";
import { temporaryFolder } from "../../temporary.ts";
import { differences, snapshot } from "../snapshot.ts";
import { cannotMount, unmountAfterTest } from "./mounted.ts";

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
const target = (): string => join(folder, "mnt");
const file = (path: string, content = path): TarFile => ({
  path,
  type: "file",
  mode: 0o644,
  content: Buffer.from(content),
});
const top: TarFile = { path: ".", type: "directory", mode: 0o711, uid: 7, mtimeNs: 1_000_000_001n };
const one = (): TarFile[] => [top, ...someFiles("etc", 2, 100)];
const two = (): TarFile[][] => [one(), [...one(), file("etc/x")]];

async function mounted(rw = false): Promise<Awaited<ReturnType<Lading["mount"]>>> {
  const result = await lading.mount(reference(), target(), { rw });
  unmountAfterTest(target());
  return result;
}

async function expectExact(): Promise<void> {
  await rm(join(folder, "flat"), { recursive: true, force: true });
  await lading.unpack(reference(), join(folder, "flat"));
  const ignore = (_path: string, field: string): boolean => field === "links";
  const [flat, seen] = await Promise.all([snapshot(join(folder, "flat")), snapshot(target())]);
  expect(differences(flat, seen, { ignore })).toEqual([]);
}

const isMounted = async (path = target()): Promise<boolean> =>
  (await readFile("/proc/self/mountinfo", "utf8")).includes(` ${path} `);
const inMounts = (): Promise<string[]> => readdir(join(folder, "store", "mounts")).catch(() => []);

describe.skipIf(cannotMount)(`mounting an image${cannotMount ? ` (${cannotMount})` : ""}`, () => {
  it("tells what its layers lost, also when they were unpacked before", async () => {
    tagImage(registry.content, [[...one(), file(".wh..wh.plnk")], [file(".wh..wh.orph")]]);
    await lading.pull(reference(), { unpack: true });
    const told: string[] = [];
    await lading.mount(reference(), target(), {
      onEvent: (event) => event.type === "warning" && told.push(event.message),
    });
    unmountAfterTest(target());
    expect(told).toEqual(["not kept as the image has it: 2 × file of AUFS"]);
  });

  it.each([0, 1, 2, 5])("of %i layers shows exactly the image, read-only", async (count) => {
    const layers = Array.from({ length: count }, (_, index) => [
      ...one(),
      file(`etc/${index}`, `of ${index}`),
    ]);
    tagImage(registry.content, layers);
    const { path } = await mounted();
    expect(path).toBe(target());
    if (count > 0) await expectExact();
    else expect(await readdir(path)).toEqual([]);
    await expect(writeFile(join(path, "new"), "")).rejects.toMatchObject({ code: "EROFS" });
    await lading.umount(path);
    expect(await isMounted()).toBe(false);
    expect(await inMounts()).toEqual([]);
    expect(await lading.leases()).toEqual([]);
    // It was made for the mount.
    expect(await readdir(folder)).not.toContain("mnt");
  });

  it("of a hundred layers works from a store with a long path", async () => {
    await lading.close();
    // SQLite opens no file by a path of more than 512 bytes.
    const long = join(folder, "a:b,c\\d", "x".repeat(200), "y".repeat(150));
    lading = await open({ root: join(long, "store") });
    const layers = Array.from({ length: 100 }, (_, index) => [
      { ...top, mtimeNs: BigInt(index) },
      file(`f${index}`),
      file("same", `${index}`),
    ]);
    tagImage(registry.content, layers, "none");
    await mounted();
    expect(await readdir(target())).toHaveLength(101);
    expect(await readFile(join(target(), "same"), "utf8")).toBe("99");
    await lading.umount(target());
  }, 60_000);

  it("says so when layers are too many for one mount", async () => {
    const layers = Array.from({ length: 300 }, (_, index) => [top, file(`f${index}`)]);
    tagImage(registry.content, layers, "none");
    await expect(lading.mount(reference(), target())).rejects.toMatchObject({
      code: "unsupported",
      hint: expect.stringContaining("lading unpack"),
    });
    expect(await inMounts()).toEqual([]);
    expect(await lading.leases()).toEqual([]);
    expect(await readdir(folder)).toEqual(["store"]);
  }, 120_000);

  it("shows no whiteouts of an image of one layer", async () => {
    tagImage(registry.content, [[...one(), file("etc/.wh.never"), file(".wh.nor")]]);
    await mounted();
    await expectExact();
  });

  it.each([0, 1, 2])(
    "to be written to, of %i layers, keeps the layers as they are",
    async (count) => {
      tagImage(registry.content, two().slice(0, count));
      const { id } = await mounted(true);
      if (count > 0) await expectExact();
      await writeFile(join(target(), "new"), "written");
      if (count > 0) await writeFile(join(target(), "etc", "0"), "written over");
      await lading.umount(target());
      expect(await inMounts()).not.toContain(id);
      await mounted();
      if (count > 0) await expectExact();
      expect(await readdir(target())).not.toContain("new");
    },
  );

  it("keeps on demand what was written, and says where", async () => {
    tagImage(registry.content, two());
    await mounted(true);
    await writeFile(join(target(), "new"), "written");
    const { upper = "" } = await lading.umount(target(), { keep: true });
    expect(await readFile(join(upper, "new"), "utf8")).toBe("written");
    expect(await lading.leases()).toEqual([]);
  });

  it("keeps its layers from collection until it is unmounted", async () => {
    tagImage(registry.content, [one(), [file("etc/x")]]);
    const { lease } = await mounted();
    await lading.remove(reference());
    expect(await lading.leases()).toMatchObject([
      { id: lease, kind: "mount", path: target(), exists: true },
    ]);
    expect((await lading.collect()).layers).toEqual([]);
    // Without its lease as well: what is mounted is in use.
    await lading.removeLease(lease);
    expect((await lading.collect()).layers).toEqual([]);
    expect(await readFile(join(target(), "etc", "x"), "utf8")).toBe("etc/x");
    await lading.umount(target());
    expect((await lading.collect()).layers).toHaveLength(2);
  });

  it("is refused on what holds something, on itself and inside the store", async () => {
    tagImage(registry.content, two());
    await mkdir(target());
    await writeFile(join(target(), "mine"), "");
    await expect(lading.mount(reference(), target())).rejects.toMatchObject({
      code: "disk",
      message: expect.stringContaining("not empty"),
    });
    const inside = join(folder, "store", "layers", "x");
    await expect(lading.mount(reference(), inside)).rejects.toMatchObject({ code: "usage" });
    const other = join(folder, "other");
    await lading.mount(reference(), other);
    unmountAfterTest(other);
    await expect(lading.mount(reference(), other)).rejects.toMatchObject({
      message: expect.stringContaining("already"),
      hint: expect.stringContaining("lading umount"),
    });
    await lading.umount(other);
    await expect(lading.umount(other)).rejects.toMatchObject({ code: "not-found" });
  });

  it("can't be undone while it is in use, and says so", async () => {
    tagImage(registry.content, two());
    await mounted();
    const user = await openFile(join(target(), "etc", "0"));
    await expect(lading.umount(target())).rejects.toMatchObject({
      message: expect.stringContaining("in use"),
    });
    expect(await lading.leases()).toHaveLength(1);
    await user.close();
    await lading.umount(target());
  });

  it("that is gone already is tidied up after, and another may take its place", async () => {
    tagImage(registry.content, two());
    await mounted();
    execFileSync("umount", [target()]);
    const { id } = await mounted();
    expect(await inMounts()).toEqual([id]);
    expect(await lading.leases()).toHaveLength(1);
    execFileSync("umount", [target()]);
    expect(await lading.umount(target())).toMatchObject({ id, wasMounted: false });
    expect(await inMounts()).toEqual([]);
    expect(await lading.leases()).toEqual([]);
  });

  it("never undoes what others mounted on the same directory", async () => {
    tagImage(registry.content, two());
    await mounted();
    execFileSync("umount", [target()]);
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", target()]);
    unmountAfterTest(target());
    expect(await lading.umount(target())).toMatchObject({ wasMounted: false });
    expect(await isMounted()).toBe(true);
  });

  it("works on a directory with an odd name", async () => {
    tagImage(registry.content, two());
    const odd = join(folder, "a b\\c\td\ne,f:g");
    const { path } = await lading.mount(reference(), odd);
    unmountAfterTest(path);
    expect(await readdir(path)).toEqual(["etc"]);
    expect(await lading.umount(odd)).toMatchObject({ wasMounted: true });
  });

  it("is refused with a way out to a root without the right to", async () => {
    tagImage(registry.content, two());
    const wrapper = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];
    const ran = await command(["mount", reference(), target()], { home: folder, wrapper });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("lading unpack");
    expect(await inMounts()).toEqual([]);
    expect(await lading.leases()).toEqual([]);
  });

  it("is two commands", async () => {
    tagImage(registry.content, [one(), [file("etc/x")]]);
    const home = folder;
    const up = await command(["mount", "--json", reference(), target()], { home });
    unmountAfterTest(target());
    expect(JSON.parse(up.stdout)).toMatchObject({ path: target(), writable: false });
    expect(await readFile(join(target(), "etc", "x"), "utf8")).toBe("etc/x");
    const list = await command(["lease", "ls"], { home });
    expect(list.stdout).toContain(`mount ${target()}`);
    const down = await command(["umount", target()], { home });
    expect(down).toMatchObject({ code: 0, stdout: "" });
    expect(await isMounted()).toBe(false);
    expect((await stat(folder)).isDirectory()).toBe(true);
  });
});

describe.skipIf(process.platform !== "linux")("without root", () => {
  it.skipIf(process.geteuid?.() !== 0)("mounting is refused with a way out", async () => {
    const as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const { code, stderr } = await command(["mount", reference(), target()], {
      home: folder,
      wrapper: as,
      env: { LADING_ROOT: "/nowhere", HOME: "/nowhere" },
    });
    expect(code).toBe(1);
    expect(stderr).toContain("lading mount REFERENCE -- COMMAND");
  });
});
