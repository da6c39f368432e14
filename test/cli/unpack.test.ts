import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTar, type TarFile } from "../../src/tar/writer.ts";
import { addImage, addLayer, createRegistry, type TestRegistry } from "../../src/testkit/index.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading, type Ran } from "./run-command.ts";

let home: string;
let registry: TestRegistry;
beforeEach(async () => {
  home = await temporaryFolder();
  registry = await createRegistry();
});
afterEach(() => registry[Symbol.asyncDispose]());

const PASSWD = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n";

function text(path: string, content: string): TarFile {
  return { path, type: "file", mode: 0o644, content: Buffer.from(content) };
}

function tag(
  layers: readonly (readonly TarFile[])[],
  config: Readonly<Record<string, unknown>> = {},
): string {
  const { content } = registry;
  const made = layers.map((files) => addLayer(content, createTar(files), "gzip"));
  const image = addImage(content, made, { config });
  content.tag("app:1", image.descriptor);
  return `${registry.address}/app:1`;
}

function run(...args: readonly string[]): Promise<Ran> {
  return lading([...args], { home });
}

async function done(...args: readonly string[]): Promise<Ran> {
  const ran = await run(...args);
  expect(ran.code, ran.stderr).toBe(0);
  return ran;
}

describe("pull --unpack", () => {
  it("says what it unpacked, and when there was nothing to unpack", async () => {
    const reference = tag([[text("a", "1"), text("b", "22")], [text("c", "333")]]);
    const first = await done("pull", "--unpack", "--json", reference);
    expect(first.stderr).toContain("3 entries of 2 layers unpacked");
    const { unpacked } = JSON.parse(first.stdout).pulled[0];
    expect(unpacked).toEqual({ layers: 2, existed: 0, entries: 3, written: 6 });
    const again = await done("pull", "--unpack", "--json", reference);
    expect(again.stderr).toContain("up to date, unpacked before");
    expect(JSON.parse(again.stdout).pulled[0].unpacked).toMatchObject({ layers: 2, existed: 2 });
    expect(
      JSON.parse((await done("pull", "--json", reference)).stdout).pulled[0],
    ).not.toHaveProperty("unpacked");
  });

  it("is what the options of unpacking and --discard-blobs are for", async () => {
    const reference = tag([[text("a", "1")]]);
    for (const option of ["--sync", "--max-path=10", "--ownership=squash", "--discard-blobs"]) {
      const { code, stderr } = await run("pull", option, reference);
      expect(code).toBe(2);
      expect(stderr).toContain(`${option.split("=")[0]} has no meaning without --unpack`);
    }
    expect(existsSync(join(home, "store", "index.json"))).toBe(false);
  });

  it("takes the limits, and names the option that raises one", async () => {
    const { code, stderr } = await run(
      "pull",
      "--unpack",
      "--max-path",
      "5",
      tag([[text("long/name", "")]]),
    );
    expect(code).toBe(5);
    expect(stderr).toContain("--max-path");
  });

  it("warns once of all that an image's layers lose", async () => {
    const reference = tag([
      [text(".wh..wh.aufs", ""), text(".wh..wh.orph", "")],
      [text(".wh..wh.plnk", "")],
    ]);
    const told = ["warning: not kept as the image has it: 3 × file of AUFS"];
    const target = join(home, "rootfs");
    // The second and third take the layers from the cache.
    for (const call of [["pull", "--unpack"], ["pull", "--unpack"], ["unpack"]]) {
      const words = call[0] === "unpack" ? [...call, reference, target] : [...call, reference];
      expect((await done(...words)).stderr.match(/^warning: .*$/gm)).toEqual(told);
    }
  });

  it("takes sizes with units, and refuses what is none", async () => {
    const reference = tag([[text("a", "x".repeat(1500))]]);
    const short = await run("pull", "--unpack", "--max-file-bytes", "1K", reference);
    expect(short.code).toBe(5);
    expect(short.stderr).toContain("1024");
    await done("pull", "--unpack", "--max-file-bytes", "2KiB", reference);
    const bad = await run("pull", "--unpack", "--max-bytes", "1.5e3", reference);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('--max-bytes is a size, not "1.5e3"');
  });

  it("refuses ranges of ids that overlap", async () => {
    const map = "0:100000:1000,500:200000:1000";
    const { code, stderr } = await run("pull", "--unpack", "--uid-map", map, tag([[]]));
    expect(code).toBe(2);
    expect(stderr).toContain("0:100000:1000 and 500:200000:1000 have ids of the image in common");
  });
});

describe("unpack", () => {
  it("prints the directory, and as JSON what it came to", async () => {
    const reference = tag([[text("a", "one")], [text("b/c", "two")]]);
    const target = join(home, "rootfs");
    const { stdout, stderr } = await done("unpack", reference, target);
    expect(stdout).toBe(`${target}\n`);
    expect(stderr).toContain("2 layers, 2 entries unpacked");
    expect(await readFile(join(target, "b/c"), "utf8")).toBe("two");
    const json = JSON.parse((await done("unpack", "--json", reference, `${target}-2`)).stdout);
    expect(json).toMatchObject({ path: `${target}-2`, layers: 2, entries: 2, written: 6 });
    expect(json.platform).toMatch(/^linux\//);
  });
});

describe("bundle", () => {
  const config = { User: "app", Entrypoint: ["/bin/app"], Cmd: [], Env: ["A=1"] };
  const files = (): TarFile[] => [text("etc/passwd", PASSWD), text("bin/app", "")];
  let box: string;
  beforeEach(() => {
    box = join(home, "box");
  });

  const specIn = async (folder: string) =>
    JSON.parse(await readFile(join(folder, "config.json"), "utf8"));

  it("makes rootfs and a config.json, private to its owner", async () => {
    const { stdout } = await done("bundle", tag([files()], config), box);
    expect(stdout).toBe(`${box}\n`);
    expect((await readdir(box)).sort()).toEqual(["config.json", "rootfs"]);
    expect((await stat(box)).mode & 0o777).toBe(0o700);
    const { process: started, root } = await specIn(box);
    expect(root).toEqual({ path: "rootfs", readonly: false });
    expect(started).toMatchObject({ args: ["/bin/app"], user: { uid: 1000, gid: 1001 } });
  });

  it("runs another command as another user, if told to", async () => {
    const reference = tag([files()], config);
    await done(
      "bundle",
      "--user",
      "7:8",
      "--hostname",
      "box",
      reference,
      box,
      "--",
      "sh",
      "-c",
      "x y",
    );
    const spec = await specIn(box);
    expect(spec.process).toMatchObject({ args: ["sh", "-c", "x y"], user: { uid: 7, gid: 8 } });
    expect(spec.hostname).toBe("box");
  });

  it("maps the caller to root when it is rootless", async () => {
    await done("bundle", "--rootless", "--user", "0", tag([files()], config), box);
    const { linux } = await specIn(box);
    const hostID = process.geteuid?.();
    expect(linux.uidMappings).toEqual([{ containerID: 0, hostID, size: 1 }]);
    expect(linux.namespaces).toContainEqual({ type: "user" });
  });

  it("looks users up inside the root alone, wherever links lead", async () => {
    const outside = join(home, "passwd");
    await writeFile(outside, "app:x:0:0::/:/bin/sh\n");
    const link = (path: string, linkPath: string): TarFile => ({
      path,
      type: "symlink",
      mode: 0o777,
      linkPath,
    });
    const there = [link("etc/passwd", "/../../real/users"), text("real/users", PASSWD)];
    await done("bundle", tag([there], config), box);
    expect((await specIn(box)).process.user.uid).toBe(1000);
    const nowhere = tag([[link("etc/passwd", outside)]], config);
    const { code, stderr } = await run("bundle", "--policy", "always", nowhere, `${box}-2`);
    expect(code).toBe(5);
    expect(stderr).toContain('the image has no user "app"');
  });

  it("leaves nothing of a bundle that can't be made", async () => {
    const { code } = await run("bundle", tag([files()], { ...config, User: "nobody-here" }), box);
    expect(code).toBe(5);
    expect((await readdir(home)).filter((name) => name.includes("box"))).toEqual([]);
    expect(JSON.parse((await done("lease", "ls", "--json")).stdout).leases).toEqual([]);
  });

  it("is laid over what is there only with --force", async () => {
    const reference = tag([files()], config);
    await done("bundle", reference, box);
    await writeFile(join(box, "rootfs", "mine"), "");
    expect((await run("bundle", reference, box)).code).toBe(1);
    await done("bundle", "--force", reference, box, "--", "sh");
    expect((await specIn(box)).process.args).toEqual(["sh"]);
    expect((await readdir(join(box, "rootfs"))).sort()).toEqual(["bin", "etc", "mine"]);
  });

  it("fills an empty directory that is there", async () => {
    await mkdir(box);
    await done("bundle", tag([files()], config), box);
    expect((await readdir(box)).sort()).toEqual(["config.json", "rootfs"]);
  });

  it("keeps its image in the store until its lease ends", async () => {
    const reference = tag([files()], config);
    await done("bundle", reference, box);
    const { lease } = JSON.parse(
      (await done("bundle", "--force", "--json", reference, box)).stdout,
    );
    const { leases } = JSON.parse((await done("lease", "ls", "--json")).stdout);
    expect(leases).toMatchObject([{ id: lease, kind: "bundle", path: box }]);
    await done("rm", reference);
    await done("store", "gc");
    expect((await readdir(join(home, "store", "blobs", "sha256"))).length).toBeGreaterThan(0);
    await done("lease", "rm", lease);
    await done("store", "gc");
    expect(await readdir(join(home, "store", "blobs", "sha256"))).toEqual([]);
  });
});
