import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NameFolding } from "../../src/disk/name-folding.ts";
import type { TarFile } from "../../src/tar/writer.ts";
import { createRegistry, type TestRegistry } from "../../src/testkit/index.ts";
import { pull } from "../../src/verbs/pull.ts";
import { Session } from "../../src/verbs/session.ts";
import { type Layers, openLayers } from "../../src/verbs/unpack/layers.ts";
import { unpack } from "../../src/verbs/unpack/unpack.ts";
import { file } from "../layer/attacks/rig/entries.ts";
import { tagImage } from "../layer/unpack-rig.ts";
import { temporaryFolder } from "../temporary.ts";
import { unmountAfterTest } from "./overlay/mounted.ts";

let registry: TestRegistry;
let folder: string;
let sessions: Session[];

beforeEach(async () => {
  registry = await createRegistry();
  folder = await temporaryFolder();
  sessions = [];
});
afterEach(async () => {
  for (const session of sessions) await session[Symbol.asyncDispose]();
  await registry.close();
});

/** One whose store, and whose targets, are on disks that fold names so. */
function session(store: NameFolding, target: NameFolding): Session {
  const made = new Session({ root: join(folder, "store") });
  sessions.push(made);
  let layers: Promise<Layers> | undefined;
  made.layers = async () => {
    const { layout, clock } = await made.store();
    const probe = async (path: string): Promise<NameFolding> =>
      path.startsWith(layout.root) ? store : target;
    layers ??= openLayers(layout, clock, { threads: 2 }, probe);
    return layers;
  };
  return made;
}

function image(...layers: readonly (readonly TarFile[])[]): string {
  tagImage(registry.content, layers);
  return `${registry.address}/app:1`;
}

const target = (): string => join(folder, "rootfs");
const refused = { code: "unsupported", message: expect.stringContaining("are one name") };
/** What was made beside the target, and has to be gone. */
const others = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name !== "store");

it("a target that folds names takes no image with two of one layer that collide", async () => {
  const reference = image([file("etc/README"), file("etc/readme")]);
  await expect(unpack(session("none", "case"), reference, target())).rejects.toMatchObject(refused);
  expect(await others()).toEqual([]);
});

it("nor one with two of different layers", async () => {
  const reference = image([file("etc/Foo")], [file("etc/foo")]);
  await expect(unpack(session("none", "case"), reference, target())).rejects.toMatchObject(refused);
  expect(await others()).toEqual([]);
});

it("nor a layer that the store has unpacked, on a disk that tells them apart", async () => {
  const reference = image([file("etc/Foo"), file("etc/foo")]);
  const both = session("none", "case");
  await pull(both, reference, { unpack: true });
  await expect(unpack(both, reference, target())).rejects.toMatchObject(refused);
  expect(await others()).toEqual([]);
});

it("what is in the target already collides too, and stays", async () => {
  await mkdir(join(target(), "etc"), { recursive: true });
  await writeFile(join(target(), "etc", "Foo"), "mine");
  const laid = unpack(session("none", "case"), image([file("etc/foo")]), target(), { force: true });
  await expect(laid).rejects.toMatchObject(refused);
  expect(await readdir(join(target(), "etc"))).toEqual(["Foo"]);
});

it("a store that folds names takes no such layer, and says nothing of targets", async () => {
  const reference = image([file("etc/Foo"), file("etc/foo")]);
  const store = session("case", "none");
  await expect(pull(store, reference, { unpack: true })).rejects.toMatchObject(refused);
  await unpack(store, reference, target());
  expect((await readdir(join(target(), "etc"))).sort()).toEqual(["Foo", "foo"]);
});

it("a target that folds only spellings takes names of either case", async () => {
  const reference = image([file("etc/Foo")], [file("etc/foo")]);
  await unpack(session("none", "spelling"), reference, target());
  expect((await readdir(join(target(), "etc"))).sort()).toEqual(["Foo", "foo"]);
});

/** Root, and a kernel whose ext4 folds names: then nothing has to be passed in. */
const canFold = process.geteuid?.() === 0 && existsSync("/sys/fs/ext4/features/casefold");

describe.runIf(canFold)("ext4 with casefold (where the kernel has it)", () => {
  it.each([
    ["one layer", [[file("etc/README"), file("etc/readme")]]],
    ["implied directories", [[file("Lib/a"), file("lib/b")]]],
    ["two layers", [[file("etc/Foo")], [file("etc/foo")]]],
  ])("takes no image with names that collide: %s", async (_, layers) => {
    const disk = await foldingDisk();
    const plain = new Session({ root: join(folder, "store") });
    sessions.push(plain);
    const laid = unpack(plain, image(...layers), join(disk, "rootfs"));
    await expect(laid).rejects.toMatchObject(refused);
    expect(await readdir(disk)).toEqual([]);
    await unpack(plain, image([file("etc/a")], [file("etc/.wh.A", "")]), join(disk, "rootfs"));
    expect(await readdir(join(disk, "rootfs", "etc"))).toEqual(["a"]);
  });
});

async function foldingDisk(): Promise<string> {
  const [disk, mounted] = [join(folder, "disk"), join(folder, "mounted")];
  await writeFile(disk, "");
  await truncate(disk, 32 * 1024 * 1024);
  await mkdir(mounted);
  run("mkfs.ext4", "-q", "-O", "casefold", disk);
  run("mount", "-o", "loop", disk, mounted);
  unmountAfterTest(mounted);
  const folding = join(mounted, "folding");
  await mkdir(folding);
  run("chattr", "+F", folding);
  return folding;
}

function run(command: string, ...words: readonly string[]): void {
  execFileSync(command, words, { stdio: "pipe" });
}
