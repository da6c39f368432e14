import { execFileSync } from "node:child_process";
import { chown, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TarFile } from "../../../src/tar/writer.ts";
import { createRegistry, type TestRegistry } from "../../../src/testkit/index.ts";
import { lading as command, type Ran, type RunOptions, start } from "../../cli/run-command.ts";
import { someFiles, tagImage } from "../../layer/unpack-rig.ts";
import { temporaryFolder } from "../../temporary.ts";

let registry: TestRegistry;
let home: string;

beforeEach(async () => {
  registry = await createRegistry();
  home = await temporaryFolder();
});
afterEach(() => registry.close());

const reference = (): string => `${registry.address}/app:1`;
const file = (path: string, content = path): TarFile => ({
  path,
  type: "file",
  mode: 0o644,
  content: Buffer.from(content),
});

const isRoot = process.geteuid?.() === 0;
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

function works(words: readonly string[]): boolean {
  try {
    const [program = "", ...args] = words;
    execFileSync(program, args, { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}

const callers = [
  { who: "root", wrapper: [], able: isRoot && works(["unshare", "-m", "true"]) },
  {
    who: "somebody else",
    wrapper: isRoot ? NOBODY : [],
    able: works([...(isRoot ? NOBODY : []), "unshare", "-U", "-r", "-m", "true"]),
  },
];

describe.each(callers)("a command that sees a mount, run by $who", ({ who, wrapper, able }) => {
  const options = async (): Promise<RunOptions> => {
    await mkdir(join(home, "docker"), { recursive: true });
    if (isRoot && who !== "root") {
      for (const path of [home, join(home, "docker")]) await chown(path, 65534, 65534);
    }
    // Root's own folders are none of others.
    return { home, wrapper, env: { PATH: "/usr/bin:/bin" } };
  };
  const run = async (...words: string[]): Promise<Ran> => command(words, await options());
  const left = async (): Promise<string[]> =>
    (await readdir(join(home, "store", "mounts"))).filter((name) => name !== "lock");

  it.skipIf(!able)("has it as its working directory, and its exit code is passed on", async () => {
    tagImage(registry.content, [
      [...someFiles("etc", 3, 10), file("etc/gone")],
      [file("etc/.wh.gone"), file("etc/new", "of the top")],
    ]);
    const script = 'pwd; ls etc; cat etc/new; [ "$PWD" = "$LADING_ROOTFS" ] && exit 7';
    const ran = await run("mount", "-q", reference(), "--", "sh", "-c", script);
    const [path = "", ...rest] = ran.stdout.split("\n");
    expect(rest).toEqual(["0", "1", "2", "new", "of the top"]);
    expect(ran).toMatchObject({ code: 7, stderr: "" });
    expect(path).toContain(join(home, "store", "mounts"));
    expect(await left()).toEqual([]);
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(home);
  });

  it.skipIf(!able).each([0, 1, 3])("sees %i layers, and writes only with --rw", async (count) => {
    const layers = Array.from({ length: count }, (_, index) => [file(`f${index}`)]);
    tagImage(registry.content, layers);
    const script = "ls | wc -l; echo x > new || exit 3; cat new";
    const refused = await run("mount", "-q", reference(), "--", "sh", "-c", script);
    expect(refused).toMatchObject({ code: 3, stdout: `${count}\n` });
    const written = await run("mount", "-q", "--rw", reference(), "--", "sh", "-c", script);
    expect(written).toMatchObject({ code: 0, stdout: `${count}\nx\n`, stderr: "" });
    expect(await left()).toEqual([]);
    const again = await run("mount", "-q", reference(), "--", "ls");
    expect(again.stdout).not.toContain("new");
  });

  it.skipIf(!able)("keeps its layers while it runs, though lading itself is killed", async () => {
    tagImage(registry.content, [[file("a")], [file("b")]]);
    const given = await options();
    const fifo = join(home, "fifo");
    execFileSync("mkfifo", ["-m", "666", fifo]);
    const script = `echo up >&2; read line < ${fifo}; cat a`;
    const running = start(["mount", "-q", reference(), "--", "sh", "-c", script], given);
    await running.said("up");
    await run("rm", reference());
    running.child.kill("SIGKILL");
    const during = JSON.parse((await run("store", "gc", "--json")).stdout);
    expect(during.layers).toEqual([]);
    await writeFile(fifo, "go on\n");
    expect((await running.ended).stdout).toBe("a");
    const after = JSON.parse((await run("store", "gc", "--json")).stdout);
    expect(after.layers).toHaveLength(2);
    tagImage(registry.content, [[file("a")], [file("b")]]);
    await run("mount", "-q", reference(), "--", "true");
    expect(await left()).toEqual([]);
  });

  it.skipIf(!able)("is ended by SIGTERM, and nothing is left", async () => {
    tagImage(registry.content, [[file("a")], [file("b")]]);
    const script = "trap 'exit 9' TERM; echo up >&2; while :; do sleep 0.1; done";
    const running = start(["mount", "-q", reference(), "--", "sh", "-c", script], await options());
    await running.said("up");
    running.child.kill("SIGTERM");
    expect((await running.ended).code).toBe(9);
    expect(await left()).toEqual([]);
  });

  it.skipIf(!able)("that is not there is exit code 127", async () => {
    tagImage(registry.content, [[file("a")]]);
    expect((await run("mount", "-q", reference(), "--", "no-such-program")).code).toBe(127);
    expect(await left()).toEqual([]);
  });

  it("is told when namespaces are not allowed", async () => {
    tagImage(registry.content, [[file("a")]]);
    const given = await options();
    const bin = join(home, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "unshare"), "#!/bin/sh\necho unshare: no way >&2\nexit 1\n", {
      mode: 0o755,
    });
    const env = { PATH: `${bin}:/usr/bin:/bin` };
    const ran = await command(["mount", reference(), "--", "true"], { ...given, env });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("no way");
    expect(ran.stderr).toContain("max_user_namespaces");
    expect(await left()).toEqual([]);
  });
});
