import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { textOf } from "../../src/tar/byte-string.ts";
import { read } from "./archive.ts";
import { gnuLine, gnuListing } from "./listing.ts";

/** One of everything; what only root can make is left out when we are not. */
const TREE = `
mkdir -p dir/sub empty 'sp ace' sticky; chmod 1777 sticky; chmod 2755 dir/sub
printf hello > dir/a; ln dir/a dir/hard; ln -s a dir/soft; ln -s /abs/olute dir/abs; mkfifo fifo
printf x > "$(printf 'caf\\351')"; printf y > "$(printf 'new\\nline')"; printf z > 'back\\slash'; printf u > ünï
n100=$(printf 'n%.0s' $(seq 100)); printf 1 > $n100; printf 2 > "$n100"x
deep=$(for part in 1 2 3 4 5; do printf 'd%.0s' $(seq 90); printf "$part/"; done); mkdir -p $deep
printf 3 > "$deep"f; ln -s "$deep"f longlink; ln "$deep"f longhard
truncate -s 1000000 hole; truncate -s 6000000 pieces
for at in $(seq 0 200000 5800000); do printf 'piece %d' $at | dd of=pieces bs=1 seek=$at conv=notrunc status=none; done
printf s > suid; touch zero
if [ $(id -u) = 0 ]; then mknod null c 1 3; mknod disk b 8 1; mknod big c 300 300000
chown 1000:2000 suid; touch owner; chown 3000000:4000000000 owner; fi
chmod 4755 suid; touch -d @1700000000.123456789 dir/a; touch -d @-5.25 fifo; touch -d @-86400 zero; touch -d @9999999999 suid
setfattr -n user.test -v value dir/a 2>/dev/null && setfattr -n user.empty dir/a && touch ../attributes || true
`;

const PYTHON = `
import os, sys, tarfile
form, out = sys.argv[1:]
with tarfile.open(out, "w", format=getattr(tarfile, form + "_FORMAT"), errors="surrogateescape") as tar:
    for folder, folders, files in os.walk("tree"):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            try: tar.add(path, arcname=os.path.relpath(path, "tree"), recursive=False)
            except ValueError: pass
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lading-tar-"));
  execFileSync("bash", ["-ec", `mkdir tree; cd tree; ${TREE}`], { cwd: folder });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a tool that writes `t.tar`; names and ids that a format can't hold make it complain, not stop. */
function written(tool: string, args: readonly string[]): Buffer {
  const { error } = spawnSync(tool, args, { cwd: folder });
  if (error) throw error;
  return readFileSync(join(folder, "t.tar"));
}

const has = (tool: string) => spawnSync(tool, ["--version"]).status === 0;

function expectSame(tar: Buffer): void {
  const entries = read(tar, 777);
  expect(entries.length).toBeGreaterThan(15);
  expect(entries.map(gnuLine)).toEqual(gnuListing(tar).lines);
  const pieces = readFileSync(join(folder, "tree/pieces"), "latin1");
  const found = entries.find(({ path }) => path.replace("./", "") === "pieces");
  expect(found?.content === pieces).toBe(true);
}

describe("a tar is read as GNU tar lists it, when it was written by", () => {
  it.each(["v7", "oldgnu", "gnu", "ustar", "posix"])(
    "GNU tar in the format %s, holes and all",
    (format) => {
      const args = [`--format=${format}`, "-cf", "t.tar", "-C", "tree", "."];
      expectSame(written("tar", ["--sort=name", ...args]));
      const sparse = written("tar", ["-S", ...args]);
      expectSame(sparse);
      if (format.includes("gnu")) expect(sparse.length).toBeLessThan(1_000_000);
    },
  );

  it.each(["0.0", "0.1", "1.0"])("GNU tar with attributes and holes as of %s", (version) => {
    const pax = ["--format=posix", "--xattrs", "--xattrs-include=*", `--sparse-version=${version}`];
    const tar = written("tar", ["-S", "--sort=name", ...pax, "-cf", "t.tar", "-C", "tree", "."]);
    expectSame(tar);
    const pieces = read(tar).find(({ path }) => path === "./pieces");
    expect(pieces?.data.length).toBeGreaterThan(20);
    const attributes = [...(read(tar).find(({ path }) => path === "./dir/a")?.xattrs ?? [])];
    if (!existsSync(join(folder, "attributes"))) return;
    const texts = attributes.map(([name, value]) => [textOf(name), Buffer.from(value).toString()]);
    expect(texts).toContainEqual(["user.test", "value"]);
    expect(texts).toContainEqual(["user.empty", ""]);
  });

  it.skipIf(!has("bsdtar")).each(["v7", "ustar", "pax", "gnutar"])("bsdtar as %s", (format) => {
    expectSame(written("bsdtar", [`--format=${format}`, "-cf", "t.tar", "-C", "tree", "."]));
  });

  it.skipIf(!has("python3")).each(["USTAR", "GNU", "PAX"])("Python as %s", (format) => {
    expectSame(written("python3", ["-c", PYTHON, format, "t.tar"]));
  });
});
