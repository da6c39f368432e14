import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createAuthority } from "../registry/certificates.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

const DAY = 86_400_000;

/** A home with these files: lading.toml, and folders below certs.d. */
async function home(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

async function check(files: Readonly<Record<string, string>>) {
  const folder = await home(files);
  const { code, stdout, stderr } = await lading(["config", "check"], { home: folder });
  return { code, stderr, lines: stdout.replaceAll(`${folder}/`, "").trimEnd().split("\n") };
}

describe("lading config check", () => {
  it("says of each file that it is right", async () => {
    const authority = createAuthority();
    const notAfter = new Date(Date.now() + 90.5 * DAY);
    const client = authority.issue({ client: true, notAfter });
    const { code, lines } = await check({
      "lading.toml": "[defaults]\nconcurrency = 1\n",
      "certs.d/a.lan/hosts.toml": 'server = "https://a.lan"\n',
      "certs.d/b.lan:5000/ca.crt": authority.cert,
      "certs.d/b.lan:5000/client.cert": client.cert,
      "certs.d/b.lan:5000/client.key": client.key,
    });
    expect(code).toBe(0);
    expect(lines).toEqual([
      "lading.toml: ok",
      "certs.d/a.lan/hosts.toml: ok",
      expect.stringMatching(/^certs\.d\/b\.lan:5000: ok, expires in [0-9]+ days$/),
    ]);
  });

  it("says what is wrong in the order of the file", async () => {
    const { lines } = await check({
      "lading.toml":
        "[defaults]\nnone = 1\nconcurrency = 0\n[registry]\n[registry.'a.lan']\nhttp = 3\nother = 1\n",
    });
    const numbers = lines.flatMap((line) => /^lading\.toml:([0-9]+):/.exec(line)?.[1] ?? []);
    expect(numbers.length).toBeGreaterThan(2);
    expect(numbers).toEqual([...numbers].sort((a, b) => Number(a) - Number(b)));
  });

  it("says all that is wrong, with file and line, and exits with 2", async () => {
    const { code, lines, stderr } = await check({
      "lading.toml": '[registry."a.lan"]\nca = "none.pem"\nmirrors = []\n',
      "certs.d/b.lan/hosts.toml": "server = \n",
      "certs.d/c.lan/hosts.toml": "nothing = 1\n",
      "certs.d/d.lan/client.key": "",
    });
    expect(code).toBe(2);
    expect(lines).toEqual([
      'lading.toml:3:1: error: "mirrors" is not known; did you mean "mirror"?',
      expect.stringMatching(/^certs\.d\/b\.lan\/hosts\.toml:1:[0-9]+: error: /),
      'certs.d/c.lan/hosts.toml:1:1: warning: "nothing" is not known, and has no effect',
      "certs.d/d.lan: error: client.key is there without client.cert",
      expect.stringMatching(/^ {2}authorities are NAME\.crt/),
    ]);
    expect(stderr).toBe("");
  });

  it("opens the certificates that are named, and holds keys against them", async () => {
    const authority = createAuthority();
    const good = authority.issue({ client: true });
    const other = authority.issue({ client: true });
    const old = authority.issue({ client: true, notAfter: new Date(Date.now() - DAY) });
    const soon = authority.issue({ client: true, notAfter: new Date(Date.now() + 3 * DAY) });
    const { code, lines } = await check({
      "none.txt": "",
      "lading.toml": `[registry."a.lan"]
ca = ["none.pem", "none.txt"]
client = [{ cert = "good.pem", key = "other.key" }, { cert = "old.pem" }, { cert = "soon.pem" }]
[[registry."a.lan".mirror]]
url = "https://m.lan"
client = [{ cert = "good.pem" }]
`,
      "good.pem": good.cert,
      "other.key": other.key,
      "old.pem": `${old.cert}${old.key}`,
      "soon.pem": `${soon.cert}${soon.key}`,
    });
    expect(code).toBe(2);
    const found = lines.map((line) => line.replace(/^lading\.toml: /, ""));
    expect(found).toEqual([
      "error: none.pem: it is not there",
      "error: none.txt: there is no certificate in it",
      "error: other.key: it is not the key of good.pem",
      expect.stringMatching(/^warning: old\.pem: it expired on \d{4}-\d\d-\d\d$/),
      expect.stringMatching(/^warning: soon\.pem: it expires soon, on \d{4}-\d\d-\d\d$/),
      "error: good.pem: there is no private key in it",
    ]);
  });

  it("says it as JSON too, and what is only a warning is no failure", async () => {
    const folder = await home({ "certs.d/c.lan/hosts.toml": "nothing = 1\n" });
    const { code, stdout } = await lading(["config", "check", "--json"], { home: folder });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      files: [
        {
          path: join(folder, "certs.d/c.lan/hosts.toml"),
          kind: "hosts.toml",
          registry: "c.lan",
          problems: [
            {
              severity: "warning",
              path: join(folder, "certs.d/c.lan/hosts.toml"),
              line: 1,
              column: 1,
              key: "nothing",
              message: '"nothing" is not known, and has no effect',
            },
          ],
        },
      ],
    });
  });

  it("looks at the file that --config names, which must be there", async () => {
    const folder = await home({ "mine.toml": "nothing = 1", "lading.toml": "[defaults]" });
    const run = (name: string) =>
      lading(["config", "check", "--config", name], { home: folder, cwd: folder });
    expect((await run("mine.toml")).stdout).toBe(
      `${folder}/mine.toml:1:1: error: "nothing" is not known; known are defaults, registry\n`,
    );
    const missing = await run("none.toml");
    expect(missing.code).toBe(2);
    expect(missing.stdout).toContain("--config names a settings file that is not there");
  });

  it("takes the file as an argument as well", async () => {
    const folder = await home({ "mine.toml": "nothing = 1", "lading.toml": "[defaults]" });
    const run = (...words: string[]) =>
      lading(["config", "check", ...words], { home: folder, cwd: folder });
    expect((await run("mine.toml")).stdout).toContain(`${folder}/mine.toml:1:1: error: `);
    const twice = await run("mine.toml", "--config", "lading.toml");
    expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("named twice")]);
  });

  it("says where it looked when there is no file", async () => {
    const folder = await home({});
    // The file that the rig names is empty, and so as good as none.
    const env = { LADING_CONFIG: join(folder, "empty.toml") };
    await writeFile(env.LADING_CONFIG, "");
    const places = [env.LADING_CONFIG, join(folder, "certs.d")];
    const people = await lading(["config", "check"], { home: folder, env });
    expect(people).toMatchObject({
      code: 0,
      stderr: `there are no settings files: nothing was found in ${places.join(", ")}\n`,
    });
    const json = await lading(["config", "check", "--json"], { home: folder, env });
    expect(JSON.parse(json.stdout)).toEqual({ ok: true, files: [], looked: places });
  });

  it("is what a broken file's error sends one to, with that file", async () => {
    const folder = await home({ "my own.toml": "nothing = 1", "certs.d/c.lan/hosts.toml": "a = " });
    const run = (...words: string[]) => lading(["config", "show", ...words], { home: folder });
    const own = join(folder, "my own.toml");
    const file = await run("c.lan", "--config", own);
    expect(file.stderr).toContain(`lading config check --config '${own}'\n`);
    expect((await run("c.lan")).stderr).toMatch(/lading config check$/m);
  });
});

describe("lading config show", () => {
  const SECRET = "hunter2-very-secret";
  const TOML = `[defaults]
requests-per-second = 5
[registry."docker.io"]
proxy = "http://me:${SECRET}@proxy.lan:3128"
headers = { x-key = "${SECRET}" }
[[registry."docker.io".mirror]]
url = "https://mirror.lan"
headers = { x-mirror = "${SECRET}" }
`;

  it.each([[[]], [["docker.io"]]])("%j shows what files come to, and no secret", async (args) => {
    const folder = await home({ "lading.toml": TOML });
    const text = await lading(["config", "show", ...args], { home: folder });
    const json = await lading(["config", "show", "--json", ...args], { home: folder });
    expect([text.code, json.code]).toEqual([0, 0]);
    expect(text.stdout + text.stderr + json.stdout + json.stderr).not.toContain(SECRET);
    expect(text.stdout).toMatch(/mirror 1 +https:\/\/mirror\.lan\/v2\/ \(pull\) +.*lading\.toml/);
    expect(text.stdout).toMatch(/proxy +http:\/\/…@proxy\.lan:3128/);
    const document = JSON.parse(json.stdout);
    const [shown] = args.length === 0 ? document.registries : [document];
    expect(shown).toMatchObject({
      registry: "docker.io",
      server: {
        url: "https://registry-1.docker.io/v2/",
        headers: { "x-key": "…" },
        requestsPerSecond: 5,
      },
      mirrors: [
        { url: "https://mirror.lan/v2/", capabilities: ["pull"], headers: { "x-mirror": "…" } },
      ],
      origins: { proxy: join(folder, "lading.toml") },
    });
  });

  it("shows the proxy that a variable names, and which variable", async () => {
    const folder = await home({ "lading.toml": '[registry."a.lan"]\nproxy = "none"\n' });
    const env = { HTTPS_PROXY: `http://me:${SECRET}@proxy.lan:3128`, NO_PROXY: "b.lan" };
    const show = async (registry: string) =>
      (await lading(["config", "show", registry], { home: folder, env })).stdout;
    expect(await show("docker.io")).toMatch(/^proxy +http:\/\/…@proxy\.lan:3128 +HTTPS_PROXY$/m);
    expect(await show("a.lan")).toMatch(/^proxy +none +.*lading\.toml$/m);
    expect(await show("b.lan")).not.toContain("proxy");
  });

  it("of what is no registry is a usage error; so is a broken file", async () => {
    const folder = await home({ "lading.toml": "nothing = 1" });
    for (const args of [["alpine"], ["docker.io"], []]) {
      expect((await lading(["config", "show", ...args], { home: folder })).code).toBe(2);
    }
  });
});

describe("lading config REFERENCE", () => {
  it("is an image's config as before, also of one that is called check", async () => {
    await using registry = await ScriptedRegistry.start();
    const folder = await home({});
    const { code, stderr } = await lading(["config", `${registry.address}/library/check`], {
      home: folder,
    });
    expect([code, stderr]).toEqual([3, expect.stringContaining("could not print the config of")]);
    expect(registry.received.length).toBeGreaterThan(0);
  });
});

describe("a settings file that is broken", () => {
  it("ends a pull with its file and line before anything is asked", async () => {
    await using registry = await ScriptedRegistry.start();
    const folder = await home({ "lading.toml": "[defaults]\nconcurrency = 0" });
    const { code, stderr } = await lading(["pull", `${registry.address}/app:1`], { home: folder });
    expect(code).toBe(2);
    expect(stderr).toContain(`${folder}/lading.toml:2:1: "concurrency": it is 1 at least`);
    expect(stderr).toContain("lading config check");
    expect(registry.received).toEqual([]);
  });

  it("that has only something without effect is a warning", async () => {
    await using registry = await ScriptedRegistry.start();
    const folder = await home({ "certs.d/_default/hosts.toml": "nothing = 1" });
    const reference = `${registry.address}/app:1`;
    const { stderr } = await lading(["manifest", reference], { home: folder });
    expect(stderr).toContain('hosts.toml:1:1: "nothing" is not known, and has no effect');
    const json = await lading(["pull", "--progress", "json", reference], { home: folder });
    const events = json.stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.filter(({ type }) => type === "warning")).toMatchObject([{ code: "config" }]);
    expect((await lading(["manifest", "-q", reference], { home: folder })).stderr).not.toContain(
      "nothing",
    );
    expect(registry.received.length).toBeGreaterThan(0);
  });
});
