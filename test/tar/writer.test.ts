import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTar, type TarFile, tarHeader } from "../../src/tar/writer.ts";

describe("the tar writer", () => {
  it("makes archives that GNU tar lists with every attribute", () => {
    const long = `${"n".repeat(120)}/${"m".repeat(120)}`;
    const listing = list([
      { path: "dir", type: "directory", mode: 0o1777 },
      {
        path: "dir/file",
        type: "file",
        mode: 0o4755,
        uid: 1000,
        gid: 2000,
        content: bytes("hello"),
      },
      { path: "dir/link", type: "symlink", linkPath: "../etc/passwd", mode: 0o777 },
      { path: "dir/hard", type: "hardlink", linkPath: "dir/file" },
      { path: "null", type: "character-device", device: { major: 1, minor: 3 }, mode: 0o666 },
      { path: "pipe", type: "fifo" },
      { path: long, type: "file", content: bytes("long") },
      { path: "ünïcode-名前", type: "file", uid: 12_345_678, mtimeNs: 1_700_000_000_123_456_789n },
    ]);
    expect(listing).toEqual([
      "drwxrwxrwt 0/0 0 1970-01-01 00:00:00 dir/",
      "-rwsr-xr-x 1000/2000 5 1970-01-01 00:00:00 dir/file",
      "lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 dir/link -> ../etc/passwd",
      "hrw-r--r-- 0/0 0 1970-01-01 00:00:00 dir/hard link to dir/file",
      "crw-rw-rw- 0/0 1,3 1970-01-01 00:00:00 null",
      "prw-r--r-- 0/0 0 1970-01-01 00:00:00 pipe",
      `-rw-r--r-- 0/0 4 1970-01-01 00:00:00 ${long}`,
      "-rw-r--r-- 12345678/0 0 2023-11-14 22:13:20.123456789 ünïcode-名前",
    ]);
  });

  it("gives back contents and names as they were, whatever they are", () => {
    const name = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 150 })
      .map((text) => `f${text.replace(/[/\0\\\n]/g, "_")}`);
    fc.assert(
      fc.property(name, fc.uint8Array({ maxLength: 2000 }), (path, content) => {
        const tar = createTar([{ path, type: "file", content }]);
        const out = execFileSync("tar", ["-xOf", "-"], { input: tar });
        expect(Buffer.from(content).equals(out)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it("writes holes that GNU tar reads as such", () => {
    const data = Array.from({ length: 50 }, (_, at) => ({ offset: at * 100_000, length: 512 }));
    const content = bytes("abcd".repeat(50 * 128));
    const tar = createTar([{ path: "holes", type: "file", size: 5_000_000, data, content }]);
    expect(tar.length).toBeLessThan(40_000);
    const out = execFileSync("tar", ["-xOf", "-"], { input: tar, maxBuffer: 10_000_000 });
    const whole = Buffer.alloc(5_000_000);
    for (const { offset } of data) whole.write("abcd".repeat(128), offset);
    expect(out.equals(whole)).toBe(true);
  });

  it("writes names of any bytes", () => {
    const name = Uint8Array.of(0x63, 0x61, 0x66, 0xe9);
    const tar = createTar([{ path: name, type: "symlink", linkPath: name }]);
    const list = ["-tvf", "-", "--quoting-style=escape"];
    const listed = execFileSync("tar", list, { input: tar, encoding: "utf8" });
    expect(listed).toContain("caf\\351 -> caf\\351");
  });

  it("makes the same bytes from the same entries", () => {
    const entry = {
      path: "a",
      type: "file",
      xattrs: { "user.b": bytes("2"), "user.a": bytes("1") },
    } as const;
    const other = { ...entry, xattrs: { "user.a": bytes("1"), "user.b": bytes("2") } };
    expect(tarHeader(entry)).toEqual(tarHeader(other));
  });

  it("refuses a name with NUL, which would end early for some readers", () => {
    expect(() => tarHeader({ path: "a\0b", type: "file" })).toThrow(/NUL/);
  });
});

function list(files: readonly TarFile[]): string[] {
  const listed = execFileSync(
    "tar",
    ["--utc", "--full-time", "--numeric-owner", "--quoting-style=literal", "-tvf", "-"],
    { input: createTar(files), encoding: "utf8", env: { ...process.env, LC_ALL: "C.UTF-8" } },
  );
  return listed
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ +/g, " "));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
