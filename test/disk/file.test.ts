import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openRegular, readRegular } from "../../src/disk/file.ts";
import { replaceFile } from "../../src/disk/publish.ts";
import { temporaryFolder } from "../temporary.ts";

describe("a file of the store", () => {
  it("is never read through a symbolic link, nor from a device or a FIFO (ggcr #2306)", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "real"), "secret");
    await symlink(join(folder, "real"), join(folder, "link"));
    execFileSync("mkfifo", [join(folder, "fifo")]);
    await mkdir(join(folder, "folder"));
    for (const name of ["link", "fifo", "folder"]) {
      await expect(openRegular(join(folder, name))).rejects.toMatchObject({ code: "disk" });
    }
    await expect(openRegular("/dev/null")).rejects.toMatchObject({ code: "disk" });
  });

  it("is not read when it is larger than it may be", async () => {
    const path = join(await temporaryFolder(), "large");
    await writeFile(path, "12345");
    await expect(readRegular(path, 4)).rejects.toMatchObject({ code: "limit-exceeded" });
    expect(Buffer.from(await readRegular(path, 5)).toString()).toBe("12345");
  });

  it("is replaced as a whole, readable by its owner alone, with nothing left beside it", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "index.json");
    await replaceFile(path, Buffer.from("old"));
    await replaceFile(path, Buffer.from("new"));
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["index.json"]);
  });
});
