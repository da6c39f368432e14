import { expect, it } from "vitest";
import { directory, file, hardlink, symlink } from "./rig/entries.ts";
import { all, everyWay } from "./rig/rig.ts";

/** Where attacks want to go: from the target it is `../../outside`, and it has an absolute name too. */
const OUTSIDE = "../../outside";

everyWay("links that lead elsewhere,", (rig) => {
  it("CVE-2021-21272, CVE-2026-17106, CVE-2026-23745: a file below a symbolic link lands inside", async () => {
    const targets = [OUTSIDE, "/outside", "/../../../outside", "../".repeat(600), "/"];
    await all(targets, async (target) => {
      const { error, tree } = await rig.unpack([[symlink("up", target), file("up/etc/passwd")]]);
      expect(error, target).toBeUndefined();
      const at = target.endsWith("outside") ? "outside/etc/passwd" : "etc/passwd";
      expect(tree?.[at], target).toBe("file 644 new");
    });
  });

  it("CVE-2026-24842, CVE-2025-48387: a chain of links, then a hard link through it", async () => {
    const { error, tree } = await rig.unpack([
      [
        directory("a/b/c"),
        symlink("a/b/c/up", "../.."),
        symlink("a/b/escape", "c/up/../.."),
        file("a/b/escape/outside/etc/passwd"),
        hardlink("exfil", "a/b/escape/outside/etc/passwd"),
        file("exfil", "overwritten"),
      ],
    ]);
    expect(error).toBeUndefined();
    expect(tree?.["outside/etc/passwd"]).toBe("file 644 new");
    expect(tree?.exfil).toBe("file 644 overwritten");
  });

  it("CVE-2024-12905: a hard link to what is outside is one to a file that the image does not have", async () => {
    const targets = ["/etc/passwd", "up/canary", "etc/passwd"];
    await all(targets, async (target) => {
      const { error } = await rig.unpack([[symlink("up", OUTSIDE), hardlink("exfil", target)]]);
      expect(error?.code, target).toBe("malformed");
      expect(error?.message).toContain("no layer has");
    });
    const { error } = await rig.unpack([[hardlink("exfil", "../../outside/canary")]]);
    expect(error?.code).toBe("malformed");
  });

  it("CVE-2026-26960: a hard link is never to a file in the process's own folder", async () => {
    expect((await rig.unpack([[hardlink("exfil", "package.json")]])).error?.code).toBe("malformed");
  });

  it("GHSA-8xwf-rjm4-xvhv: a hard link to a symbolic link is one to the link, and is never written through", async () => {
    const { error, tree } = await rig.unpack([
      [symlink("s", `${OUTSIDE}/canary`), hardlink("h", "s"), file("h", "new")],
      [hardlink("h2", "s"), file("other")],
    ]);
    expect(error).toBeUndefined();
    expect(tree).toMatchObject({
      s: `link to ${OUTSIDE}/canary`,
      h: "file 644 new",
      h2: `link to ${OUTSIDE}/canary`,
    });
  });

  it("refuses a hard link to a directory", async () => {
    const { error } = await rig.unpack([[directory("d"), hardlink("h", "d")]]);
    expect(error).toMatchObject({ code: "malformed" });
  });

  it("CVE-2021-32760: a symbolic link, then a header of its name with a mode", async () => {
    const { tree } = await rig.unpack([
      [
        symlink("a", `${OUTSIDE}/canary`),
        file("a", "new", { mode: 0o4777 }),
        symlink("b", OUTSIDE),
        directory("b", 0o777),
        symlink("c", `${OUTSIDE}/canary`),
        { ...symlink("c", `${OUTSIDE}/canary`), mode: 0o4777, mtimeNs: 5n },
      ],
    ]);
    expect(tree).toMatchObject({
      a: "file 4777 new",
      b: "directory 777",
      c: `link to ${OUTSIDE}/canary`,
    });
  });

  it("a symbolic link in a lower layer does not lead an upper one out", async () => {
    const targets = [OUTSIDE, "/etc", "../../..", "/../../outside", "x/../../../../outside"];
    await all(targets, async (target) => {
      const { error, tree } = await rig.unpack([
        [symlink("d", target)],
        [file("d/passwd"), file("d/sub/x"), file("d/.wh.canary", "")],
        [hardlink("exfil", "d/passwd")],
      ]);
      expect(error, target).toBeUndefined();
      expect(tree?.exfil).toBe("file 644 new");
      expect(tree?.d).toBe(`link to ${target}`);
    });
  });

  it("links that go round in a circle are one clear error", async () => {
    const loops = [symlink("a", "b"), symlink("b", "a")];
    await all([[[...loops, file("a/x")]], [loops, [file("a/x")]]], async (layers) => {
      const { error } = await rig.unpack(layers);
      expect(error).toMatchObject({ code: "malformed" });
      expect(error?.message).toContain("too many symbolic links");
    });
  });

  it("CVE-2026-95838: links whose texts are long cost no more than a few thousand steps", async () => {
    const text = `${"d/../".repeat(800)}d`;
    const chain = Array.from({ length: 39 }, (_, index) =>
      symlink(`l${index}`, `${text}/../l${index + 1}`),
    );
    const { error } = await rig.unpack([
      [directory("d"), ...chain, directory("l39"), file("l0/x")],
    ]);
    expect(error?.message).toContain("too many symbolic links");
  });

  it("links can't make a tree deeper than its limit", async () => {
    const deep = Array.from({ length: 300 }, () => "d").join("/");
    const chain = [symlink("a", deep), symlink("a/b", deep), symlink("a/b/c", deep)];
    await all(
      [[[...chain, file("a/b/c/x")]], [chain.slice(0, 2), [file("a/b/x")]]],
      async (layers) => {
        const { error } = await rig.unpack(layers);
        expect(error).toMatchObject({ code: "limit-exceeded", limit: { name: "--max-depth" } });
      },
    );
  });
});
