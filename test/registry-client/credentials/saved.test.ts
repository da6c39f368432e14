import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Credential } from "../../../src/registry/auth/credentials.ts";
import { listCredentials } from "../../../src/registry/auth/saved/list.ts";
import { removeCredential } from "../../../src/registry/auth/saved/remove.ts";
import { saveCredential, saveTarget } from "../../../src/registry/auth/saved/save.ts";
import { defaultCredentials } from "../../../src/registry/auth/sources/default.ts";
import { parseScope } from "../../../src/registry/auth/sources/scope.ts";
import { built } from "../../child.ts";
import { type Helpers, helperFolder } from "./helper-scripts.ts";

const me: Credential = { kind: "basic", username: "me", password: "hunter2" };

interface Rig extends Helpers {
  readonly own: string;
  readonly docker: string;
  save(scope: string, credential?: Credential, options?: object): Promise<unknown>;
  remove(scope: string): Promise<unknown>;
  /** As a request to it finds them. */
  found(reference: string): Promise<unknown>;
  write(path: string, content: unknown): Promise<void>;
  read(path?: string): Promise<unknown>;
}

async function rig(): Promise<Rig> {
  const helpers = await helperFolder();
  const { environment } = helpers;
  const home = environment.HOME ?? "";
  const own = join(home, "config/lading/auth.json");
  return {
    ...helpers,
    own,
    docker: join(home, ".docker/config.json"),
    async save(text, credential = me, options = {}) {
      const target = await saveTarget(parseScope(text, "it"), { environment, ...options });
      return saveCredential(target, credential, { environment });
    },
    remove: (text) => removeCredential(parseScope(text, "it"), { environment }),
    found(reference) {
      const [registry = "", ...path] = reference.split("/");
      const repository = path.join("/");
      const source = defaultCredentials({ environment });
      return source.get(
        { origin: `https://${registry}`, registry, repository, action: "pull" },
        {},
      );
    },
    async write(path, content) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    },
    read: async (path = own) => JSON.parse(await readFile(path, "utf8")),
  };
}

describe("a login", () => {
  it.each([
    ["ghcr.io", "ghcr.io", "ghcr.io/org/app"],
    ["ghcr.io/org", "ghcr.io/org", "ghcr.io/org/app"],
    ["docker.io", "https://index.docker.io/v1/", "docker.io/library/alpine"],
    ["https://index.docker.io/v1/", "https://index.docker.io/v1/", "docker.io/library/alpine"],
    ["docker.io/org", "docker.io/org", "docker.io/org/app"],
    ["localhost:5000", "localhost:5000", "localhost:5000/app"],
  ])("to %s is kept as %s, and found for %s", async (scope, key, reference) => {
    const { save, read, own, found, remove } = await rig();
    expect(await save(scope)).toMatchObject({ kind: "file", path: own, key });
    expect(await read()).toEqual({ auths: { [key]: { auth: "bWU6aHVudGVyMg==" } } });
    expect(await found(reference)).toMatchObject(me);
    expect(await found("other.example/org/app")).toBeUndefined();
    expect(await remove(scope)).toMatchObject([{ key }]);
    expect(await read()).toEqual({ auths: {} });
    expect(await remove(scope)).toEqual([]);
  });

  it("is only its owner's to read, whatever the file was before", async () => {
    const { save, own } = await rig();
    await save("ghcr.io");
    expect((await stat(own)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(own))).mode & 0o777).toBe(0o700);
    await chmod(own, 0o644);
    await save("quay.io");
    expect((await stat(own)).mode & 0o777).toBe(0o600);
  });

  it("is written where a link leads, and keeps what lading does not know, in its order", async () => {
    const { save, own, write } = await rig();
    const before = {
      psFormat: "x",
      auths: { "b.example": { auth: "", email: "e" } },
      HttpHeaders: {},
    };
    const target = join(dirname(own), "elsewhere/auth.json");
    await write(target, before);
    await symlink(target, own);
    await save("ghcr.io");
    const text = await readFile(target, "utf8");
    expect(Object.keys(JSON.parse(text))).toEqual(["psFormat", "auths", "HttpHeaders"]);
    expect(JSON.parse(text).auths["b.example"]).toEqual({ auth: "", email: "e" });
    expect(text).toContain('\n\t"auths": {');
  });

  it.each(["{", "[]", '{"auths":[]}', '{"auths":{},"auths":{}}'])(
    "does not overwrite a file of nonsense: %s",
    async (content) => {
      const { save, remove, own, write } = await rig();
      await write(own, content);
      for (const plaintext of [true, false]) {
        await expect(save("ghcr.io", me, { plaintext })).rejects.toMatchObject({
          code: "usage",
          context: { path: own },
        });
      }
      await expect(remove("ghcr.io")).rejects.toMatchObject({ code: "usage" });
      expect(await readFile(own, "utf8")).toBe(content);
    },
  );

  it("and another at the same moment, by another process too, are both kept", async () => {
    const { save, environment, read } = await rig();
    const code = `
      import { saveCredential, saveTarget } from ${JSON.stringify(built("registry/auth/saved/save.js"))};
      const environment = ${JSON.stringify(environment)};
      for (let n = 0; n < 8; n += 1) {
        const scope = { registry: "other" + n + ".example", path: "" };
        const credential = { kind: "basic", username: "me", password: "x" };
        await saveCredential(await saveTarget(scope, { environment }), credential, { environment });
      }`;
    const other = promisify(execFile)(process.execPath, ["--input-type=module", "-e", code]);
    await Promise.all(Array.from({ length: 8 }, (_, n) => save(`mine${n}.example`)));
    await other;
    const { auths } = (await read()) as { auths: object };
    expect(Object.keys(auths)).toHaveLength(16);
  });

  it("takes the place of one under another of the registry's names", async () => {
    const { save, own, write, read, found } = await rig();
    await write(own, {
      auths: { "index.docker.io": { auth: "eDp5" }, "docker.io/org": { auth: "eDp5" } },
      credHelpers: { "docker.io": "absent", "ghcr.io": "absent" },
    });
    await save("docker.io", me, { plaintext: true });
    expect(await read()).toEqual({
      auths: {
        "docker.io/org": { auth: "eDp5" },
        "https://index.docker.io/v1/": { auth: "bWU6aHVudGVyMg==" },
      },
      credHelpers: { "ghcr.io": "absent" },
    });
    expect(await found("docker.io/library/alpine")).toMatchObject(me);
  });

  it("with an identity token is one that docker reads", async () => {
    const { save, read, found } = await rig();
    const identity: Credential = { kind: "identity", token: "refresh" };
    await save("ghcr.io", identity);
    const auth = Buffer.from("00000000-0000-0000-0000-000000000000:").toString("base64");
    expect(await read()).toEqual({ auths: { "ghcr.io": { auth, identitytoken: "refresh" } } });
    expect(await found("ghcr.io/a")).toMatchObject(identity);
  });
});

describe("a login with a helper", () => {
  it.each(["own", "docker", "settings"])("that %s names is kept by it alone", async (where) => {
    const helped = await rig();
    const { save, write, own, docker, found, remove, kept, read } = helped;
    await helped.keeper("store");
    if (where !== "settings")
      await write(helped[where as "own" | "docker"], { credsStore: "store" });
    const options = where === "settings" ? { helper: "store" } : {};
    for (const scope of ["ghcr.io", "ghcr.io/org", "docker.io"]) {
      expect(await save(scope, me, options)).toMatchObject({ kind: "helper" });
    }
    expect(Object.keys(await kept("store"))).toEqual([
      "ghcr.io",
      "ghcr.io/org",
      "https://index.docker.io/v1/",
    ]);
    expect(JSON.stringify(await read())).not.toContain(
      Buffer.from("me:hunter2").toString("base64"),
    );
    expect(await found("ghcr.io/org/app")).toMatchObject({
      ...me,
      from: { kind: "helper", path: own, key: "ghcr.io/org" },
    });
    expect(await found("docker.io/library/alpine")).toMatchObject(me);
    expect(await remove("ghcr.io/org")).toMatchObject([{ kind: "helper", key: "ghcr.io/org" }]);
    expect(await found("ghcr.io/org/app")).toMatchObject({ from: { key: "ghcr.io" } });
    await remove("docker.io");
    await remove("ghcr.io");
    expect(await kept("store")).toEqual({});
    if (where === "docker") expect(await read(docker)).toEqual({ credsStore: "store" });
  });

  it("takes an older secret out of the file", async () => {
    const { save, read, keeper } = await rig();
    await save("ghcr.io");
    await keeper("store");
    await save("ghcr.io", me, { helper: "store" });
    expect(await read()).toEqual({ auths: {}, credHelpers: { "ghcr.io": "store" } });
  });

  it("is not one where plain text is asked for, and the older one at the helper does not count", async () => {
    const { save, write, own, found, keeper } = await rig();
    await keeper("store", { "ghcr.io": ["older", "x"] });
    await write(own, { credsStore: "store" });
    expect(await found("ghcr.io/app")).toMatchObject({ username: "older" });
    expect(await save("ghcr.io", me, { plaintext: true })).toMatchObject({ kind: "file" });
    expect(await found("ghcr.io/app")).toMatchObject(me);
  });

  it("that fails is not kept in the file instead", async () => {
    const { save, script, own } = await rig();
    await script("broken", "exit 1");
    await expect(save("ghcr.io", me, { helper: "broken" })).rejects.toMatchObject({
      message: "docker-credential-broken failed: exit 1",
    });
    await expect(stat(own)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

it("a list of logins names them all, whose they are, and no secret", async () => {
  const { save, write, docker, environment, keeper, script, own } = await rig();
  await keeper("store", { "kept.example": ["kept", "hunter2"] });
  await script("broken", "echo hunter2; exit 1");
  await save("ghcr.io/org");
  await write(docker, {
    auths: { "d.example": { auth: "ZG9ja2VyOmh1bnRlcjI=" }, "kept.example": {} },
    credHelpers: { "b.example": "broken", "none.example": "" },
    credsStore: "store",
  });
  const logins = await listCredentials({ environment });
  expect(logins.map(({ key, username, readOnly }) => [key, username, readOnly])).toEqual([
    ["ghcr.io/org", "me", false],
    ["d.example", "docker", true],
    ["b.example", undefined, true],
    ["kept.example", "kept", true],
  ]);
  expect(logins[0]?.from).toMatchObject({ kind: "file", path: own });
  expect(logins[2]?.problem).toBe("docker-credential-broken failed: exit 1");
  expect(JSON.stringify(logins)).not.toMatch(/hunter2|aHVudGVyMg/);
});

describe("what is logged in to", () => {
  it.each([
    "",
    "registry",
    "org/app",
    "ghcr.io/Org",
    "ghcr.io/org:1",
    "a b",
    "me@ghcr.io",
    "ghcr.io/../x",
    "ghcr.io//x",
    "-x",
    "ghcr.io?x",
  ])("is a registry with an optional path, not %j", (text) => {
    expect(() => parseScope(text, "it")).toThrow(expect.objectContaining({ code: "usage" }));
  });
  it.each([
    ["registry:5000", { registry: "registry:5000", path: "" }],
    ["REGISTRY", { registry: "registry", path: "" }],
    ["REGISTRY.lan:5000/a/b", { registry: "registry.lan:5000", path: "a/b" }],
    ["[::1]:5000", { registry: "[::1]:5000", path: "" }],
    ["http://localhost:5000/", { registry: "localhost:5000", path: "" }],
  ])("is %s", (text, scope) => {
    expect(parseScope(text, "it")).toEqual(scope);
  });
});
