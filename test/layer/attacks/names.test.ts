import { expect, it } from "vitest";
import { directory, file, hardlink, named, rewritten, symlink } from "./rig/entries.ts";
import { all, everyWay } from "./rig/rig.ts";

everyWay("names that lead elsewhere,", (rig) => {
  it("CVE-2021-29136: the root entry is a symbolic link", async () => {
    await all([".", "/", "./", "//", "./."], async (root) => {
      const { error } = await rig.unpack([[symlink(root, "../../outside"), file("etc/passwd")]]);
      expect(error?.code, root).toBe("malformed");
      expect(error?.message).toContain("root");
    });
  });

  it("CVE-2021-29136: the root entry is a file, a hard link", async () => {
    for (const entry of [file("."), hardlink("/", "etc/passwd")]) {
      expect((await rig.unpack([[entry]])).error?.code).toBe("malformed");
    }
  });

  it("CVE-2014-6407, CVE-2014-9356, CVE-2024-12905: names with ..", async () => {
    const names = ["../../outside/canary", "a/../../../outside/canary", "a/..", "..", "./../x"];
    await all([...names, "/../../outside/canary", "a/../b"], async (name) => {
      const { error } = await rig.unpack([[directory("a"), file(name)]]);
      expect(error?.code, name).toBe("malformed");
      expect(error?.message).toContain("leads out");
    });
  });

  it("CVE-2014-6407: absolute names are below the root", async () => {
    const { error, tree } = await rig.unpack([[file("/etc/passwd"), file("//x///y")]]);
    expect(error).toBeUndefined();
    expect(tree).toMatchObject({ "etc/passwd": "file 644 new", "x/y": "file 644 new" });
  });

  it("refuses a name that is empty", async () => {
    const tar = rewritten([file("x")], named(Buffer.alloc(0)));
    expect((await rig.unpack([{ tar }])).error?.code).toBe("malformed");
  });

  it("ends a name at its NUL, and refuses one that pax spells out", async () => {
    const tar = rewritten([file("x")], named(Buffer.from("a\0/../../outside")));
    expect((await rig.unpack([{ tar }])).tree).toEqual({
      "": "directory 755",
      a: "file 644 new",
    });
    const pax = Buffer.from(createPax("path", "a\0b"));
    expect((await rig.unpack([{ tar: pax }])).error?.code).toBe("malformed");
  });

  it("keeps names that are no text, byte for byte", async () => {
    const name = Buffer.from([0xff, 0xfe, 0x2f, 0xc3, 0x28]);
    const { tree } = await rig.unpack([{ tar: rewritten([file("x")], named(name)) }]);
    expect(tree).toMatchObject({ "\xff\xfe/\xc3(": "file 644 new" });
  });

  it("keeps names that another system would take for a path", async () => {
    const names = ["C:\\x", "a\\..\\..\\b", "NUL", "x:y"];
    const { tree } = await rig.unpack([names.map((name) => file(name))]);
    for (const name of names) expect(tree?.[name]).toBe("file 644 new");
  });

  it("names the option when a path is too long or too deep", async () => {
    const long = Array.from({ length: 40 }, () => "d".repeat(100)).join("/");
    const path = (await rig.unpack([[file(`${long}/x/${long}`)]])).error;
    expect(path).toMatchObject({ code: "limit-exceeded", limit: { name: "--max-path" } });
    const deep = (await rig.unpack([[directory("d/".repeat(600))]])).error;
    expect(deep).toMatchObject({ code: "limit-exceeded", limit: { name: "--max-depth" } });
    const name = (await rig.unpack([[file("n".repeat(256))]])).error;
    expect(name?.code).toBe("limit-exceeded");
  });
});

/** A pax header and its file, as `createTar` would not write them. */
function createPax(key: string, value: string): Uint8Array {
  const record = `${key.length + value.length + 5} ${key}=${value}\n`;
  const body = Buffer.alloc(512);
  body.write(record, "latin1");
  const header = rewritten([file("PaxHeader", record)], (block) => block.write("x", 156));
  return Buffer.concat([header.subarray(0, 512), body, rewritten([file("x")], () => {})]);
}
