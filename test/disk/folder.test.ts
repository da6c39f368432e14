import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeFolder, makeFolders } from "../../src/disk/folder.ts";
import { temporaryFolder } from "../temporary.ts";

describe("folders that are missing", () => {
  it("are made, each with the mode, and those that are there left as they are", async () => {
    const root = await temporaryFolder();
    await mkdir(join(root, "there"), { mode: 0o755 });
    await makeFolder(join(root, "there/a/b"));
    await makeFolder(join(root, "there/a/b"));
    for (const path of ["there/a", "there/a/b"]) {
      expect((await stat(join(root, path))).mode & 0o777).toBe(0o700);
    }
    expect((await stat(join(root, "there"))).mode & 0o777).toBe(0o755);
    await makeFolders(join(root, "open/x"), 0o750);
    expect((await stat(join(root, "open"))).mode & 0o777).toBe(0o750);
  });

  it("may lie behind a link, and are made by many at one time", async () => {
    const root = await temporaryFolder();
    await mkdir(join(root, "real"));
    await symlink("real", join(root, "link"));
    const path = join(root, "link/a/b/c/d");
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
    expect((await stat(join(root, "real/a/b/c/d"))).isDirectory()).toBe(true);
  });

  it("where something else is, or a link leads nowhere, are one error", async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, "file"), "");
    await symlink("nowhere", join(root, "dangling"));
    for (const path of ["file", "file/a", "dangling", "dangling/a"]) {
      await expect(makeFolder(join(root, path)), path).rejects.toMatchObject({ code: "disk" });
    }
  });

  // Node's own recursive mkdir never returns there.
  it.skipIf(process.platform !== "linux")("in /proc are an error, at once", async () => {
    await expect(makeFolder("/proc/lading/a/b")).rejects.toMatchObject({ code: "disk" });
  });
});
