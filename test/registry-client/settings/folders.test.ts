import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hostFolder } from "../../../src/registry/settings/folders/host-folders.ts";
import { readFolder } from "../../../src/registry/settings/folders/read-folders.ts";
import { temporaryFolder } from "../../temporary.ts";

const [certificate = ""] = rootCertificates;
const KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

const folderFor = (registry: string, ...roots: string[][]): string | undefined => {
  const found = hostFolder(
    roots.map((names, at) => ({ path: `/${at}`, names: new Set(names) })),
    registry,
  );
  return found && `${found.root}/${found.name}`;
};

describe("the folder that decides for a registry", () => {
  it.each<[string, string[][], string | undefined]>([
    ["a.lan", [["a.lan"]], "/0/a.lan"],
    ["a.lan:5000", [["a.lan:5000", "a.lan_5000_"]], "/0/a.lan_5000_"],
    ["a.lan:5000", [["a.lan:5000"]], "/0/a.lan:5000"],
    ["a.lan:5000", [["a.lan"]], undefined],
    ["a.lan", [["a.lan:5000"]], undefined],
    ["a.lan:443", [["a.lan"]], "/0/a.lan"],
    ["a.lan:443", [["a.lan", "a.lan:443"]], "/0/a.lan:443"],
    ["[::1]:5000", [["[::1]_5000_"]], "/0/[::1]_5000_"],
    ["[::1]", [["[::1]"]], "/0/[::1]"],
    ["A.lan", [["a.lan"]], "/0/a.lan"],
    ["a.lan", [["_default"]], "/0/_default"],
    ["a.lan", [[], ["a.lan"], ["a.lan"]], "/1/a.lan"],
    // Of an earlier root, `_default` does not hide what a later one says of this very registry.
    ["a.lan", [["_default"], ["a.lan"]], "/1/a.lan"],
    ["a.lan", [["b.lan"], ["_default"]], "/1/_default"],
  ])("of %s in %j is %s", (registry, roots, expected) => {
    expect(folderFor(registry, ...roots)).toBe(expected);
  });

  it("is never another registry's", () => {
    const host = fc.constantFrom("a.lan", "b.lan", "a.lan:1", "a.lan:443", "a.lan_1_", "_default");
    fc.assert(
      fc.property(host, fc.array(fc.array(host)), (registry, roots) => {
        const found = folderFor(registry, ...roots)?.replace(/^\/\d+\//, "");
        const same = (name: string) => name.replace(/_(\d+)_$/, ":$1").replace(/:443$/, "");
        if (found !== undefined && found !== "_default") expect(same(found)).toBe(same(registry));
      }),
    );
  });
});

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const path = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

describe("a registry's folder in docker's layout", () => {
  it("holds authorities, and client certificates with their keys", async () => {
    const path = await folder({
      "ca.crt": "",
      "z.crt": "",
      "client.cert": certificate,
      "client.key": KEY,
      "both.cert": `${certificate}\n${KEY}`,
      README: "",
    });
    const { kind, patch, problems } = await readFolder(path);
    expect(kind).toBe("certificates");
    expect(problems.found).toEqual([]);
    expect(patch.ca).toEqual([join(path, "ca.crt"), join(path, "z.crt")]);
    expect(patch.client).toEqual([
      { cert: join(path, "both.cert"), key: join(path, "both.cert") },
      { cert: join(path, "client.cert"), key: join(path, "client.key") },
    ]);
  });

  it.each([
    ["a certificate without its key", { "a.cert": certificate }, "a.cert is there without its key"],
    ["a key without its certificate", { "a.key": KEY }, "a.key is there without a.cert"],
    ["a certificate that is none", { "a.cert": "x" }, "no certificate"],
  ])("with %s is wrong", async (_, files, message) => {
    const { problems } = await readFolder(await folder(files));
    expect(problems.found).toMatchObject([
      { severity: "error", message: expect.stringContaining(message) },
    ]);
    expect(() => problems.throwFirst()).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it("is not looked at where a hosts.toml says it all", async () => {
    const path = await folder({ "hosts.toml": 'server = "https://a"', "ca.crt": "", "b.key": KEY });
    const { kind, patch, problems } = await readFolder(path);
    expect(kind).toBe("hosts.toml");
    expect(patch.ca).toBeUndefined();
    expect(problems.found).toEqual([]);
  });

  it("counts where hosts.toml is empty or a link to nowhere", async () => {
    const empty = await folder({ "hosts.toml": "", "ca.crt": "" });
    expect((await readFolder(empty)).patch.ca).toEqual([join(empty, "ca.crt")]);
    const dangling = await folder({ "ca.crt": "" });
    await symlink("/nowhere/hosts.toml", join(dangling, "hosts.toml"));
    expect((await readFolder(dangling)).patch.ca).toEqual([join(dangling, "ca.crt")]);
  });

  it("says nothing where it is not there, or is a file", async () => {
    const path = await folder({ "a.lan": "" });
    for (const name of ["a.lan", "b.lan"]) {
      const { patch, problems } = await readFolder(join(path, name));
      expect([...Object.keys(patch), ...problems.found]).toEqual(["origins"]);
    }
  });
});

describe("a registry's hosts.toml", () => {
  it("that is broken is an error: it must not silently mean the public registry", async () => {
    const { problems } = await readFolder(
      await folder({ "hosts.toml": "server = ", "ca.crt": "" }),
    );
    expect(() => problems.throwFirst()).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringMatching(/hosts\.toml:1:/) }),
    );
  });

  it("that is a folder is an error", async () => {
    const path = await folder({});
    await mkdir(join(path, "hosts.toml"));
    await expect(readFolder(path)).rejects.toMatchObject({ code: "disk" });
  });
});

describe.runIf(process.getuid?.() === 0)("what others may not read", () => {
  it.each([
    ["a folder", 0o700],
    ["a hosts.toml", 0o755],
  ])("%s has no effect, and is told", async (_, mode) => {
    const path = await folder({ "hosts.toml": 'server = "https://a.lan"', "ca.crt": "" });
    await chmod(join(path, "hosts.toml"), mode === 0o700 ? 0o644 : 0o600);
    await chmod(path, mode);
    const { patch, problems } = await asNobody(() => readFolder(path));
    expect(patch.server).toBeUndefined();
    expect(problems.found).toMatchObject([
      { severity: "warning", message: expect.stringContaining("permission denied") },
    ]);
  });
});

/** Root may read everything, so it gives that up for a moment; somebody else has to own nothing. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) throw new Error("these files are made by root");
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(uid);
  }
}
