import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readDocument } from "../../src/disk/document.ts";
import { temporaryFolder } from "../temporary.ts";

describe("a document", () => {
  it("is read through a link, as secrets of Kubernetes lie", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "real"), "12345");
    await symlink("real", join(folder, "link"));
    expect(Buffer.from((await readDocument(join(folder, "link"), 5)) ?? []).toString()).toBe(
      "12345",
    );
    await expect(readDocument(join(folder, "link"), 4)).rejects.toMatchObject({
      code: "limit-exceeded",
    });
  });

  it("that is not there is none", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "");
    expect(await readDocument(join(folder, "none"), 5)).toBeUndefined();
    expect(await readDocument(join(folder, "file", "below"), 5)).toBeUndefined();
  });

  it("is neither a folder, a device nor a FIFO, which would never end", async () => {
    const folder = await temporaryFolder();
    execFileSync("mkfifo", [join(folder, "fifo")]);
    await mkdir(join(folder, "folder"));
    for (const path of [join(folder, "fifo"), join(folder, "folder"), "/dev/zero"]) {
      await expect(readDocument(path, 5)).rejects.toMatchObject({ code: "disk" });
    }
  });
});
