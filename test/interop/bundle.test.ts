import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseImageConfig } from "../../src/oci/config.ts";
import type { ReadImageFile } from "../../src/rootfs/bundle/accounts.ts";
import { type BundleOptions, bundleConfig } from "../../src/rootfs/bundle/bundle.ts";
import { createTar } from "../../src/tar/writer.ts";
import { addImage, addLayer, MadeContent } from "../../src/testkit/index.ts";
import { temporaryFolder } from "../temporary.ts";
import { installed } from "./debian-registry.ts";
import { writeLayout } from "./layout.ts";

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

const PASSWD = "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n";
const GROUP = "root:x:0:\nstaff:x:50:app\n";
const IMAGE = {
  User: "app",
  Env: ["GREETING=hello from", "GREETING=hello again from"],
  Entrypoint: ["/usr/bin/node", "/app/hello.mjs"],
  Cmd: ["an argument with spaces"],
  WorkingDir: "/app",
  StopSignal: "SIGINT",
  ExposedPorts: { "80/tcp": {} },
  Labels: { "org.example.purpose": "a test" },
};
const HELLO = `
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
const status = readFileSync("/proc/self/status", "utf8");
const line = (name) => status.match(new RegExp(name + ":\\\\s*(\\\\S+)"))?.[1];
console.log(JSON.stringify({
  says: process.env.GREETING + " " + process.version,
  args: process.argv.slice(2), cwd: process.cwd(), home: process.env.HOME, host: hostname(),
  ids: [process.getuid(), process.getgid()], groups: process.getgroups().filter((id) => id === 50),
  powers: line("CapEff"), gains: line("NoNewPrivs"),
}));
`;
const EXPECTED = {
  says: `hello again from ${process.version}`,
  args: ["an argument with spaces"],
  cwd: "/app",
  home: "/home/app",
  host: "lading",
  powers: "0000000000000000",
  gains: "1",
};
const AS_APP = { ...EXPECTED, ids: [1000, 1001], groups: [50] };
const AS_ROOT = { ...EXPECTED, ids: [0, 0], groups: [] };

/** Without cgroup v2's half of a hybrid hierarchy, which crun before 1.9 refuses to work beside. */
const V1_ONLY = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';
const V1 = ["unshare", "--mount", "sh", "-c", V1_ONLY, "sh"];
const HYBRID = existsSync("/sys/fs/cgroup/unified/cgroup.procs");

/** Which umoci writes even where a config names none. */
const AUTHOR = "org.opencontainers.image.author";

let why = "";

describe("a bundle is started by", () => {
  beforeAll(() => {
    why = usersMayHaveNamespaces() ? "" : "no user namespaces for ordinary users";
  });

  it.skipIf(!isRoot || !installed("runc"))("runc, as root", async () => {
    const bundle = await makeBundle({});
    expect(output(["runc", ...run(bundle)])).toEqual(AS_APP);
  });

  it.skipIf(!isRoot || !installed("crun"))("crun, as root", async () => {
    const bundle = await makeBundle({});
    expect(output([...(HYBRID ? V1 : []), "crun", ...run(bundle)])).toEqual(AS_APP);
  });

  it.skipIf(!installed("runc", "setpriv"))("runc, by an ordinary user", async (context) => {
    if (why !== "") return context.skip(why);
    const bundle = await rootlessBundle();
    expect(output([...asOrdinary(), "runc", ...run(bundle)])).toEqual(AS_ROOT);
  });

  it.skipIf(!installed("crun", "setpriv") || (HYBRID && !isRoot))(
    "crun, by an ordinary user",
    async (context) => {
      if (why !== "") return context.skip(why);
      const bundle = await rootlessBundle();
      const command = [...(HYBRID ? V1 : []), ...asOrdinary(), "crun", ...run(bundle)];
      expect(output(command)).toEqual(AS_ROOT);
    },
  );

  it.skipIf(!isRoot || !installed("runc"))("runc, with a command of the caller's", async () => {
    const args = ["/usr/bin/node", "-p", "JSON.stringify([process.getuid(), 1 + 1])"];
    const bundle = await makeBundle({ args, user: "0:0", hostname: "box" });
    expect(output(["runc", ...run(bundle)])).toEqual([0, 2]);
  });
});

describe.runIf(isRoot && installed("umoci"))("umoci's bundle of the same image", () => {
  it("says the same of the process and the annotations", async () => {
    const { theirs, ours } = await both(["unpack"], {});
    expect(theirs.process.args).toEqual(ours.process.args);
    expect(theirs.process.cwd).toBe(ours.process.cwd);
    expect(theirs.process.user).toEqual(ours.process.user);
    const environment = theirs.process.env.filter((entry) => !entry.startsWith("TERM="));
    expect([...environment].sort()).toEqual([...ours.process.env].sort());
    expect(theirs.annotations).toEqual({ ...ours.annotations, [AUTHOR]: "" });
    expect(ours.root.path).toBe(theirs.root.path);
    expect(ours.process.noNewPrivileges).toBe(theirs.process.noNewPrivileges);
    expect(destinations(ours)).toEqual(destinations(theirs));
    expect(namespaces(ours)).toEqual(expect.arrayContaining(namespaces(theirs)));
  });

  it("differs without root where docs/decisions/bundle.md says so", async () => {
    const { theirs, ours } = await both(["unpack", "--rootless"], { rootless: { uid: 0, gid: 0 } });
    expect(theirs.process.user.uid).toBe(1000);
    expect(ours.process.user.uid).toBe(0);
    const extra = destinations(theirs).filter((path) => !destinations(ours).includes(path));
    expect(extra).toEqual(["/etc/resolv.conf"]);
    expect(ours.linux.uidMappings).toEqual(theirs.linux.uidMappings);
    expect(namespaces(ours)).toEqual(namespaces(theirs).filter((type) => type !== "cgroup"));
  });
});

type Written = ReturnType<typeof bundleConfig>["spec"];

function destinations(spec: Written): string[] {
  return spec.mounts.map(({ destination }) => destination).sort();
}

function namespaces(spec: Written): string[] {
  return spec.linux.namespaces.map(({ type }) => type).sort();
}

function configBytes(): Buffer {
  const rootfs = { type: "layers", diff_ids: [] };
  return Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", config: IMAGE, rootfs }));
}

async function makeBundle(options: BundleOptions): Promise<string> {
  const folder = await temporaryFolder();
  const rootfs = join(folder, "rootfs");
  const put = (path: string, from: string) => {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true });
    copyFileSync(realpathSync(from), join(rootfs, path));
    chmodSync(join(rootfs, path), 0o755);
  };
  put("usr/bin/node", process.execPath);
  const libraries = execFileSync("ldd", [process.execPath], { encoding: "utf8" });
  for (const [path] of libraries.matchAll(/(?<=\s)\/\S+/g)) put(path, path);
  for (const [path, text] of [
    ["etc/passwd", PASSWD],
    ["etc/group", GROUP],
    ["app/hello.mjs", HELLO],
  ] as const) {
    mkdirSync(dirname(join(rootfs, path)), { recursive: true });
    writeFileSync(join(rootfs, path), text);
  }
  for (const path of [folder, rootfs]) chmodSync(path, 0o755);
  const read: ReadImageFile = (path) => readFileSync(join(rootfs, path));
  const { spec } = bundleConfig(parseImageConfig(configBytes()), read, options);
  writeFileSync(join(folder, "config.json"), JSON.stringify(spec));
  return folder;
}

/** The caller's, or nobody's when the caller is root. */
async function rootlessBundle(): Promise<string> {
  const uid = isRoot ? NOBODY : (process.getuid?.() ?? NOBODY);
  const gid = isRoot ? NOBODY : (process.getgid?.() ?? NOBODY);
  const bundle = await makeBundle({ rootless: { uid, gid } });
  mkdirSync(join(bundle, "state"));
  if (isRoot) {
    execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, join(bundle, "rootfs")]);
    for (const path of [bundle, join(bundle, "state")]) chownSync(path, NOBODY, NOBODY);
  }
  return bundle;
}

function asOrdinary(): string[] {
  if (!isRoot) return [];
  return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
}

function run(bundle: string): string[] {
  return ["--root", join(bundle, "state"), "run", "--bundle", bundle, `lading-${randomUUID()}`];
}

function output(command: readonly string[]): unknown {
  const [program = "", ...args] = command;
  const text = execFileSync(program, args, {
    encoding: "utf8",
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(text);
}

function usersMayHaveNamespaces(): boolean {
  const [program = "", ...args] = [...asOrdinary(), "unshare", "--user", "--map-root-user", "true"];
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The config that umoci writes for the image, and ours. */
async function both(
  [verb = "", ...flags]: readonly string[],
  options: BundleOptions,
): Promise<{ theirs: Written; ours: Written }> {
  const folder = await temporaryFolder();
  const content = new MadeContent();
  const file = (path: string, text: string) => ({
    path,
    type: "file" as const,
    mode: 0o644,
    content: Buffer.from(text),
  });
  const layer = addLayer(
    content,
    createTar([file("etc/passwd", PASSWD), file("etc/group", GROUP)]),
    "gzip",
  );
  const platform = { os: "linux", architecture: "amd64" };
  const { descriptor, config } = addImage(content, [layer], { platform, config: IMAGE });
  writeLayout(join(folder, "layout"), content, { it: descriptor });
  const bundle = join(folder, "bundle");
  execFileSync("umoci", [verb, ...flags, "--image", `${join(folder, "layout")}:it`, bundle], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const theirs = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
  const read: ReadImageFile = (path) => readFileSync(join(bundle, "rootfs", path));
  const blob = content.blobs.get(config.digest) ?? Buffer.alloc(0);
  const ours = bundleConfig(parseImageConfig(blob), read, options).spec;
  return { theirs, ours };
}
