import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { open } from "../../../src/index.ts";
import { createTar } from "../../../src/tar/writer.ts";
import { addImage, addLayer, createRegistry, hasZstd } from "../../../src/testkit/index.ts";
import { lading } from "../../cli/run-command.ts";
import { temporaryFolder } from "../../temporary.ts";
import { directory, file, symlink } from "./rig/entries.ts";
import { everyWay, ways } from "./rig/rig.ts";

everyWay(
  "what is left of a bad layer,",
  (rig) => {
    it("CVE-2021-20291, CVE-2026-114236: neither files nor descriptors, whatever broke it", async () => {
      const tar = createTar([directory("d"), file("d/f", "x".repeat(5000)), symlink("l", "d")]);
      const good = gzipSync(tar);
      const flipped = Buffer.from(good);
      flipped[good.length >> 1] = (flipped[good.length >> 1] ?? 0) ^ 0xff;
      const wrong = `sha256:${"0".repeat(64)}`;
      const many = Array.from({ length: 200 }, (_, at) => file(`d${at}/e/f`));
      const broken = [
        { blob: good.subarray(0, good.length - 12), diffId: wrong },
        { blob: flipped, diffId: wrong },
        { blob: Buffer.from("fd377a585a0000", "hex"), diffId: wrong },
        { blob: gzipSync(tar.subarray(0, 1536)), diffId: wrong },
        { blob: good, diffId: wrong },
        [...many, file("../x")],
        [...many, symlink("a", "a"), file("a/b")],
        [...many, symlink("a", "d0/../d1/../d2/../d0/e/f"), file("a/b")],
      ];
      for (const layer of broken) {
        const { error } = await rig.unpack([layer]);
        expect(["malformed", "verification-failed", "unsupported"]).toContain(error?.code);
      }
      expect(openFiles(rig.child.pid)).toEqual([]);
    });
  },
  ways.slice(0, 2),
);

it("CVE-2021-41091: nobody else can look into the store, nor into what is being unpacked", async () => {
  await using registry = await createRegistry();
  const layer = addLayer(registry.content, createTar([file("su", "x", { mode: 0o4755 })]), "gzip");
  registry.content.tag("app:1", addImage(registry.content, [layer]).descriptor);
  const work = join(await temporaryFolder(), "work");
  mkdirSync(work, { mode: 0o755 });
  const modes = new Map<string, number>();
  const look = (): void => {
    for (const name of readdirSync(work)) modes.set(name, lstatSync(join(work, name)).mode & 0o777);
    for (const name of readdirSync(join(work, "store"))) {
      const found = lstatSync(join(work, "store", name));
      if (found.isDirectory()) modes.set(`store/${name}`, found.mode & 0o777);
    }
  };
  await using opened = await open({ root: join(work, "store"), onEvent: look });
  const reference = `${registry.address}/app:1`;
  await opened.pull(reference, { unpack: true });
  await opened.unpack(reference, join(work, "rootfs"));
  expect([...modes.keys()].some((name) => name.startsWith(".rootfs."))).toBe(true);
  expect(modes.has("store/staging")).toBe(true);
  expect(modes.has("store/layers")).toBe(true);
  for (const [name, mode] of modes) if (name !== "rootfs") expect(mode, name).toBe(0o700);
});

it("GHSA-x86f-5xw2-fm2r: no program is started, wherever PATH leads", async () => {
  await using registry = await createRegistry();
  const kinds = hasZstd() ? (["gzip", "zstd", "none"] as const) : (["gzip", "none"] as const);
  const layers = kinds.map((kind) =>
    addLayer(registry.content, createTar([file(`bin/${kind}`), file("usr/bin/unpigz")]), kind),
  );
  registry.content.tag("app:1", addImage(registry.content, layers).descriptor);
  const home = await temporaryFolder();
  const [programs, mark] = [join(home, "programs"), join(home, "started")];
  mkdirSync(programs);
  for (const name of PROGRAMS) {
    writeFileSync(join(programs, name), `#!/bin/sh\necho ${name} >> ${mark}\n`);
    chmodSync(join(programs, name), 0o755);
  }
  const args = ["unpack", `${registry.address}/app:1`, join(home, "rootfs")];
  const { code, stderr } = await lading(args, { home, env: { PATH: programs } });
  expect(code, stderr).toBe(0);
  expect(existsSync(mark)).toBe(false);
});

const PROGRAMS = [
  ...["gzip", "gunzip", "unpigz", "pigz", "igzip", "zcat", "zstd", "unzstd", "pzstd", "xz", "unxz"],
  ...["bzip2", "tar", "bsdtar", "cp", "mv", "rm", "mknod", "setfattr", "chown", "chmod", "sh"],
];

/** What a process has open of blobs and of trees that are being made; sockets and catalogs come and go. */
function openFiles(pid: number | undefined): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  const open = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(join(folder, fd));
    } catch {
      return "";
    }
  });
  return open.filter((path) =>
    /\/(?:staging|blobs|ingest|layers|\.?rootfs[^/]*)(?:\/|$)/.test(path),
  );
}
