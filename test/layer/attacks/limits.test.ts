import { createHash } from "node:crypto";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { constants, createGzip } from "node:zlib";
import { expect, it } from "vitest";
import type { UnpackLimits } from "../../../src/layer/limits.ts";
import { tarHeader } from "../../../src/tar/writer.ts";
import { full } from "../../deep/tier.ts";
import { directory, file, hardlink, symlink } from "./rig/entries.ts";
import { all, everyWay, type Layer, ways } from "./rig/rig.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

everyWay("layers that are too much,", (rig) => {
  const noise = Buffer.from(Array.from({ length: 300 * KiB }, (_, at) => (at * 7919) % 251));
  const cases: readonly (readonly [keyof UnpackLimits, number, string, Layer])[] = [
    ["maxBytes", 200 * KiB, "--max-bytes", [file("a", String(noise)), file("b", String(noise))]],
    ["maxFileBytes", 100 * KiB, "--max-file-bytes", [{ ...file("a"), content: noise }]],
    ["maxEntries", 5, "--max-entries", Array.from({ length: 6 }, (_, at) => file(`f${at}`))],
    ["maxEntries", 5, "--max-entries", [file("a/b/c/d/e/f/g")]],
    ["maxPath", 10, "--max-path", [file("n".repeat(11))]],
    ["maxPath", 10, "--max-path", [symlink("l", "nnnnnnnn"), file("l/x/y")]],
    ["maxDepth", 3, "--max-depth", [file("a/b/c/d")]],
    ["maxDepth", 3, "--max-depth", [hardlink("h", "a/b/c/d")]],
    [
      "maxXattrBytes",
      20,
      "--max-xattr-bytes",
      [file("f", "", { xattrs: { "user.x": Buffer.alloc(30) } })],
    ],
    ["maxRatio", 10, "--max-ratio", [{ ...file("z"), content: Buffer.alloc(4 * MiB) }]],
  ];

  it("names the option that raises each limit", async () => {
    await all(cases, async ([limit, value, option, layer]) => {
      const { error } = await rig.unpack([layer], { options: { limits: { [limit]: value } } });
      expect(error?.code, option).toBe("limit-exceeded");
      expect(error?.limit?.name).toBe(option);
      expect(error?.hint).toContain(option);
    });
  });

  it("bounds what directories and whiteouts keep in memory, by the entries allowed", async () => {
    const long = Array.from({ length: 16 }, () => "d".repeat(250)).join("/");
    const layers = [
      Array.from({ length: 300 }, (_, at) => directory(`${long}/${at}`)),
      Array.from({ length: 300 }, (_, at) => file(`${long}/.wh.${at}`, "")),
      Array.from({ length: 300 }, (_, at) => hardlink(`${long}/${at}`, `${long}/x`)),
    ];
    await all(layers, async (layer) => {
      const { error } = await rig.unpack([layer], { options: { limits: { maxEntries: 1000 } } });
      expect(error).toMatchObject({ code: "limit-exceeded", limit: { name: "--max-entries" } });
    });
  });

  it("bounds the attributes of directories that wait for the end", async () => {
    const xattrs = { "user.x": Buffer.alloc(900) };
    const layer = Array.from({ length: 100 }, (_, at) => ({ ...directory(`d${at}`), xattrs }));
    const { error } = await rig.unpack([layer], { options: { limits: { maxXattrBytes: 1000 } } });
    expect(error).toMatchObject({ code: "limit-exceeded", limit: { name: "--max-xattr-bytes" } });
  });
});

everyWay(
  "bombs,",
  (rig) => {
    const size = full ? 10 * KiB * MiB : KiB * MiB;
    it.each([64 * MiB, 60 * KiB])(
      "CVE-2017-14992: zeros, a thousand to a byte, in members of %i, cost time and no disk",
      async (member) => {
        const bomb = await zeros(member < MiB ? size / 8 : size, member);
        const { error, target } = await rig.unpack([bomb]);
        expect(error).toBeUndefined();
        const stat = lstatSync(join(target, "zeros"));
        expect(stat.size).toBeGreaterThan(500 * bomb.blob.length);
        expect(stat.blocks * 512).toBeLessThan(MiB);
      },
      240_000,
    );

    it("CVE-2017-14992: a zstd stream that needs two gigabytes of memory to read", async () => {
      const window = (31 - 10) << 3;
      const blob = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window, (512 << 3) | 3, 16, 0, 0]);
      const { error } = await rig.unpack([{ blob, diffId: `sha256:${"0".repeat(64)}` }]);
      expect(error?.code).toBe("limit-exceeded");
      expect(error?.message).toContain("window");
    });
  },
  ways.slice(0, 2),
);

/** A layer of one file of zeros, of which each part is a gzip member of its own. */
async function zeros(
  size: number,
  member: number,
): Promise<{ readonly blob: Buffer; readonly diffId: string }> {
  const [part, end] = [Buffer.alloc(member), Buffer.alloc(KiB)];
  const parts = Math.floor(size / member);
  const header = tarHeader({ path: "zeros", type: "file", size: parts * member, mode: 0o644 });
  const hash = createHash("sha256").update(header);
  const body = await gzip(part);
  const members = [await gzip(header)];
  for (let at = 0; at < parts; at += 1) {
    hash.update(part);
    members.push(body);
  }
  members.push(await gzip(end));
  const diffId = `sha256:${hash.update(end).digest("hex")}`;
  return { blob: Buffer.concat(members), diffId };
}

function gzip(bytes: Uint8Array): Promise<Buffer> {
  const stream = createGzip({ level: constants.Z_BEST_COMPRESSION });
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => resolve(Buffer.concat(chunks))).on("error", reject);
    stream.end(bytes);
  });
}
