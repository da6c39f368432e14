import { describe, expect, it } from "vitest";
import { checkIdMap, mapId, parseIdMap } from "../../src/layer/id-map.ts";
import { open } from "../../src/verbs/open.ts";
import { temporaryFolder } from "../temporary.ts";

const LAST = 2 ** 32 - 2;

describe("ranges of ids", () => {
  it("stand side by side in any order, and each maps its own", () => {
    const map = parseIdMap("1000:5000:10,0:100000:1000,1010:101000:1");
    expect([0, 999, 1000, 1009, 1010].map((id) => mapId(map, id, "uid"))).toEqual([
      100_000, 100_999, 5000, 5009, 101_000,
    ]);
  });

  it("reach the last id that there is", () => {
    expect(mapId(parseIdMap(`0:1:${LAST}`), LAST - 1, "gid")).toBe(LAST);
    expect(mapId(parseIdMap(`${LAST}:0:1,0:${LAST}:1`), LAST, "uid")).toBe(0);
  });

  it.each([
    ["0:100000:1000,999:200000:1", "of the image"],
    ["5:200000:1,0:100000:1000", "of the image"],
    ["0:100000:1000,0:100000:1000", "of the image"],
    ["0:100000:1000,1000:100999:5", "on the disk"],
    ["7:50:1,8:50:1", "on the disk"],
    ["0:10:1,1:20:1,2:10:1", "on the disk"],
  ])("%s overlap %s", (text, where) => {
    expect(() => parseIdMap(text)).toThrowError(
      expect.objectContaining({
        code: "usage",
        message: expect.stringContaining(`ids ${where} in common`),
      }),
    );
  });

  it.each([
    `0:1:${LAST + 1}`,
    `1:0:${LAST + 1}`,
    "0:4294967295:1",
    "4294967295:0:1",
    "4294967296:0:1",
    "0:9999999999:1",
    "0:0:0",
    "-1:0:1",
    "0:0",
    "0:0:1:1",
    "",
    "0:0:1,",
    "0:0:1e3",
  ])("%j is none", (text) => {
    expect(() => parseIdMap(text)).toThrowError(
      expect.objectContaining({
        code: "usage",
        message: expect.stringContaining("not a range of ids"),
      }),
    );
  });

  it.each([
    [{ inside: 0.5, outside: 0, size: 1 }],
    [{ inside: 0, outside: -1, size: 1 }],
    [{ inside: 0, outside: 0, size: Number.NaN }],
    [{ inside: 2 ** 32 - 2, outside: 0, size: 2 }],
  ])("that a library's caller makes are checked too: %j", (range) => {
    expect(() => checkIdMap([range])).toThrowError(expect.objectContaining({ code: "usage" }));
  });

  it("are checked before anything is asked of a registry", async () => {
    await using lading = await open({ root: await temporaryFolder() });
    const range = { inside: 0, outside: 5, size: 2 };
    for (const map of ["uidMap", "gidMap"]) {
      const unpack = { [map]: [range, { ...range, inside: 2 }] };
      const pulled = lading.pull("127.0.0.1:1/app:1", { unpack });
      await expect(pulled).rejects.toMatchObject({ code: "usage" });
    }
  });
});
