import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadKernel } from "../../../src/disk/kernel/load.ts";
import { openTree } from "../../../src/disk/tree/open-tree.ts";
import { byteStringOf } from "../../../src/tar/byte-string.ts";
import { createTar } from "../../../src/tar/writer.ts";
import { addImage, addLayer, createRegistry } from "../../../src/testkit/index.ts";
import { cleanEnvironment, command } from "../../cli/run-command.ts";
import { temporaryFolder } from "../../temporary.ts";
import { directory, file } from "./rig/entries.ts";

describe("trees that are deeper than a process may open files", () => {
  it("are written, merged and removed with 300 descriptors", async () => {
    await using registry = await createRegistry();
    const deep = Array.from({ length: 500 }, () => "d").join("/");
    const layers = [
      [directory(deep), file(`${deep}/lower`)],
      [directory(deep, 0o700), file(`${deep}/upper`)],
      [file("d/.wh..wh..opq", "")],
    ].map((each) => addLayer(registry.content, createTar(each), "gzip"));
    const home = await temporaryFolder();
    for (const [count, expected] of [
      [2, ["lower", "upper"]],
      [3, undefined],
    ] as const) {
      const some = layers.slice(0, count);
      registry.content.tag("app:1", addImage(registry.content, some).descriptor);
      const target = join(home, `rootfs${count}`);
      const unpack = `ulimit -n 300; exec "$@"`;
      const args = [process.execPath, command, "unpack", `${registry.address}/app:1`, target];
      const child = spawn("sh", ["-c", unpack, "sh", ...args, "--policy", "always"], {
        env: cleanEnvironment(home),
        stdio: ["ignore", "ignore", "inherit"],
      });
      expect(await once(child, "close")).toEqual([0, null]);
      if (expected === undefined) expect(readdirSync(join(target, "d"))).toEqual([]);
      else {
        expect(readdirSync(join(target, deep)).sort()).toEqual(expected);
        expect(statSync(join(target, deep)).mode & 0o777).toBe(0o700);
      }
    }
  }, 60_000);

  it.each([true, false])("are removed however deep they are (native: %s)", async (native) => {
    const folder = await temporaryFolder();
    using tree = openTree(folder, native ? await loadKernel() : undefined);
    const part = Array.from({ length: 400 }, () => "d").join("/");
    // A path of 2,400 names can't be given to the system at one time.
    let path = byteStringOf("top");
    for (let times = 0; times < 6; times += 1) path = byteStringOf(`${path}/${part}`);
    tree.directory(path, () => {});
    tree.remove(tree.root, byteStringOf("top"));
    expect(existsSync(join(folder, "top"))).toBe(false);
  });

  it("are left again by as many ..", async () => {
    const folder = await temporaryFolder();
    using tree = openTree(folder, undefined);
    const back = `${"d/".repeat(300)}${"../".repeat(299)}e`;
    expect(tree.directory(byteStringOf(back), () => {}).path).toBe("d/e");
    const above = `${"d/".repeat(300)}${"../".repeat(400)}f`;
    expect(tree.directory(byteStringOf(above), () => {}).path).toBe("f");
  });

  it("tell which directories went, by the names they had", async () => {
    const folder = await temporaryFolder();
    using tree = openTree(folder, undefined);
    const part = Array.from({ length: 100 }, () => "d").join("/");
    tree.directory(byteStringOf(part), () => {});
    const gone: string[] = [];
    tree.remove(tree.root, byteStringOf("d"), (path) => gone.push(path));
    expect(gone.length).toBe(100);
    expect(gone).toContain(part);
  });

  it("are not gone into where something else is mounted", async (context) => {
    const kernel = await loadKernel();
    if (process.getuid?.() !== 0 || kernel === undefined) context.skip("needs root and koffi");
    const folder = await temporaryFolder();
    const [mounted, on] = [join(folder, "mounted"), join(folder, "tree", "a", "b")];
    for (const path of [join(mounted, "precious"), on]) mkdirSync(path, { recursive: true });
    chmodSync(mounted, 0o700);
    kernel?.mount({ source: mounted, target: on, bind: true });
    try {
      using tree = openTree(folder, kernel);
      expect(() => tree.remove(tree.root, byteStringOf("tree"))).toThrow("mount point");
      expect(readdirSync(mounted)).toEqual(["precious"]);
    } finally {
      kernel?.unmount(on);
    }
  });
});
