import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { credentialHelper } from "../../src/registry/auth/credential-helper/credential-helper.ts";
import { parseHelperName } from "../../src/registry/auth/credential-helper/helper-name.ts";
import type { CredentialRequest, CredentialSource } from "../../src/registry/auth/credentials.ts";
import { defaultCredentials } from "../../src/registry/auth/sources/default.ts";
import { built, runChild } from "../child.ts";
import { ManualClock } from "../manual-clock.ts";
import { type Helpers, helperFolder } from "../registry-client/credentials/helper-scripts.ts";

const SECRET = "hunter2-very-secret";
const SERVER = "registry.example";
const request: CredentialRequest = {
  origin: `https://${SERVER}`,
  registry: SERVER,
  repository: "team/app",
  action: "pull",
};

/** docker's file names the helper; Podman's has a password that is somebody else's. */
async function sources(helpers: Helpers, name: string): Promise<CredentialSource> {
  const home = helpers.environment.HOME ?? "";
  const auth = Buffer.from("somebody:else").toString("base64");
  await mkdir(join(home, ".docker"), { recursive: true });
  await mkdir(join(home, "config/containers"), { recursive: true });
  const docker = JSON.stringify({ credHelpers: { [SERVER]: name } });
  await writeFile(join(home, ".docker/config.json"), docker);
  const podman = JSON.stringify({ auths: { [SERVER]: { auth } } });
  await writeFile(join(home, "config/containers/auth.json"), podman);
  return defaultCredentials({ environment: helpers.environment });
}

describe("a credential helper", () => {
  it("that has none means that the next source is asked", async () => {
    const helpers = await helperFolder();
    await helpers.keeper("good", {});
    const source = await sources(helpers, "good");
    expect(await source.get(request, {})).toMatchObject({ username: "somebody" });
    expect(await helpers.calls()).toEqual([`get ${SERVER}`]);
  });

  it.each([
    ["on stdout", "echo 'credentials not found in native keychain'; exit 1"],
    ["on stderr", "echo 'credentials not found in native keychain' >&2; exit 2"],
    ["by empty fields", `echo '{"ServerURL":"","Username":"","Secret":""}'`],
  ])("may say so %s", async (_, script) => {
    const helpers = await helperFolder();
    await helpers.script("none", script);
    const { environment } = helpers;
    expect(await credentialHelper("none").get(SERVER, { environment })).toBeUndefined();
  });

  const answer = `{"ServerURL":"${SERVER}","Username":"me","Secret":"${SECRET}"}`;
  it.each([
    ["exits 1", `echo '${answer}'; echo ${SECRET} >&2; exit 1`, "exit 1"],
    [
      "says that it has none, and exits 0",
      "echo credentials not found in native keychain",
      "answer",
    ],
    [
      "has none and says more",
      `echo 'credentials not found in native keychain: ${SECRET}'; exit 1`,
      "exit 1",
    ],
    ["prints garbage", `echo '${SECRET}'`, "answer"],
    ["prints nothing", "cat >/dev/null", "answer"],
    ["prints two documents", `echo '${answer}${answer}'`, "answer"],
    ["prints a document without a user", `echo '{"Secret":"${SECRET}"}'`, "answer"],
    ["prints a number for a secret", `echo '{"Username":"${SECRET}","Secret":1}'`, "answer"],
    [
      "prints a token that no header holds",
      `printf '{"Username":"<token>","Secret":"${SECRET}\\\\n"}'`,
      "answer",
    ],
    ["prints a megabyte", `head -c 1000000 /dev/zero | tr '\\0' ' '; echo '${answer}'`, "too much"],
    ["prints without end", "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done", "too much"],
    ["ends itself", `echo '${answer}'; kill -9 $$`, "SIGKILL"],
    ["is written for a program that is not there", "", "ENOENT"],
  ])(
    "that %s is an error with its name, and nobody else is asked (CVE-2021-41092)",
    async (what, script, why) => {
      const helpers = await helperFolder();
      await helpers.script("bad", script);
      if (what.includes("not there")) {
        await writeFile(join(helpers.folder, "docker-credential-bad"), "#!/no/such/program\n");
      }
      const source = await sources(helpers, "bad");
      const failure = source.get(request, {});
      await expect(failure).rejects.toMatchObject({ code: "unauthorized" });
      const error = await failure.catch((error: unknown) => error as Error & { hint: string });
      expect(String(error)).toContain("docker-credential-bad failed: ");
      expect(String(error)).toContain(why);
      expect((error as { hint: string }).hint).toContain(
        `echo ${SERVER} | docker-credential-bad get`,
      );
      const shown = String(error) + JSON.stringify(error) + String((error as Error).cause);
      expect(shown, "never shows its output").not.toContain(SECRET);
    },
  );

  it("that is not installed is an error, and nobody else is asked", async () => {
    const source = await sources(await helperFolder(), "absent");
    await expect(source.get(request, {})).rejects.toMatchObject({
      code: "unauthorized",
      message: "docker-credential-absent is not on the PATH",
    });
  });

  it("that hangs is ended after its time, and the error says so", async () => {
    const helpers = await helperFolder();
    const pidFile = join(helpers.folder, "pid");
    await helpers.script(
      "slow",
      `trap '' TERM; echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 300`,
    );
    const { environment } = helpers;
    const clock = new ManualClock();
    const failure = credentialHelper("slow").get(SERVER, { environment, clock });
    const caught = failure.catch((error: unknown) => error);
    const pid = await firstContent(pidFile);
    expect(isAlive(pid)).toBe(true);
    clock.advance(29_999);
    expect(isAlive(pid)).toBe(true);
    clock.advance(1);
    expect(await caught).toMatchObject({
      code: "unauthorized",
      message: "docker-credential-slow failed: no answer in 30 s",
    });
    // It does not listen to SIGTERM.
    clock.advance(2_000);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it("is ended with the request that waits for it", async () => {
    const helpers = await helperFolder();
    const pidFile = join(helpers.folder, "pid");
    await helpers.script(
      "slow",
      `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 300`,
    );
    const source = await sources(helpers, "slow");
    const controller = new AbortController();
    const failure = source.get(request, { signal: controller.signal });
    const pid = await firstContent(pidFile);
    controller.abort();
    await expect(failure).rejects.toMatchObject({ code: "aborted" });
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it("that does not listen to SIGTERM is gone when lading is", async () => {
    const helpers = await helperFolder();
    const pidFile = join(helpers.folder, "pid");
    await helpers.script(
      "deaf",
      `trap '' TERM; echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 300`,
    );
    const module = JSON.stringify(built("registry/auth/credential-helper/credential-helper.js"));
    const child = runChild(`
      import { credentialHelper } from ${module};
      const environment = ${JSON.stringify(helpers.environment)};
      const controller = new AbortController();
      const { signal } = controller;
      process.stdin.once("data", () => controller.abort());
      await credentialHelper("deaf").get("a.example", { environment, signal }).catch(() => {});
      process.exit(0);`);
    const pid = await firstContent(pidFile);
    child.process.stdin?.write("now\n");
    expect(await child.ended()).toBe(0);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it("that leaves something running is not waited for", async () => {
    const helpers = await helperFolder();
    await helpers.script("agent", `sleep 20 & echo '${answer}'`);
    const { environment } = helpers;
    const found = await credentialHelper("agent").get(SERVER, { environment });
    expect(found).toMatchObject({ username: "me" });
  });

  it.each(["../x", "a;b", "a b", "Pass", "", ".", "..", "a/b", "$(id)", "ä", "x".repeat(65)])(
    "named %j never runs (ocync #35)",
    async (name) => {
      const helpers = await helperFolder();
      expect(() => parseHelperName(name)).toThrow(expect.objectContaining({ code: "refused" }));
      if (name === "") return;
      await helpers.keeper("x");
      const source = await sources(helpers, name);
      await expect(source.get(request, {})).rejects.toMatchObject({ code: "refused" });
      expect(await helpers.calls()).toEqual([]);
    },
  );

  it.each(["", ".", "bin"])("in the current folder is not run: PATH entry %j", async (entry) => {
    const helpers = await helperFolder();
    await helpers.keeper("here", { [SERVER]: ["me", SECRET] });
    const before = process.cwd();
    process.chdir(entry === "bin" ? join(helpers.folder, "..") : helpers.folder);
    try {
      const environment = { ...helpers.environment, PATH: `${entry}:/usr/bin` };
      await expect(credentialHelper("here").get(SERVER, { environment })).rejects.toMatchObject({
        message: "docker-credential-here is not on the PATH",
      });
    } finally {
      process.chdir(before);
    }
    expect(await helpers.calls()).toEqual([]);
  });

  it("gets the server's name as a text, not as words of a command", async () => {
    const helpers = await helperFolder();
    await helpers.keeper("good", {});
    const { environment } = helpers;
    const server = "a.example/$(touch x);`id` & b";
    expect(await credentialHelper("good").get(server, { environment })).toBeUndefined();
    expect(await helpers.calls()).toEqual([`get ${server}`]);
    await helpers.script("bad", "exit 1");
    await expect(credentialHelper("bad").get(server, { environment })).rejects.toMatchObject({
      hint: "see: echo SERVER | docker-credential-bad get",
    });
  });
});

async function firstContent(path: string): Promise<number> {
  let text = "";
  await expect
    .poll(async () => {
      text = await readFile(path, "utf8").catch(() => "");
      return text;
    })
    .toMatch(/^[0-9]+\n$/);
  return Number(text);
}

/** What has ended may stay in the table of processes until somebody asks how. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^[0-9]+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
