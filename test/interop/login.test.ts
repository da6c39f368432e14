import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MadeContent, randomImage } from "../../src/testkit/index.ts";
import { lading } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";
import { type DebianRegistry, debianRegistry, installed, USER } from "./debian-registry.ts";
import { writeLayout } from "./layout.ts";

const run = promisify(execFile);
const present = installed("docker-registry", "skopeo", "htpasswd", "openssl");

describe.runIf(present).each(["htpasswd", "token"] as const)(
  "logins at Debian's registry with %s to protect it",
  (protection) => {
    let folder: string;
    let registry: DebianRegistry;
    let home: string;
    let image: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "lading-interop-"));
      registry = await debianRegistry(folder, protection);
      image = `${registry.address}/test/app:latest`;
      const content = new MadeContent();
      const { descriptor } = randomImage(content, { seed: 5 });
      writeLayout(join(folder, "layout"), content, { app: descriptor });
      const creds = ["--dest-creds", `${USER.name}:${USER.password}`, "--dest-tls-verify=false"];
      const from = `oci:${join(folder, "layout")}:app`;
      await run("skopeo", ["--insecure-policy", "copy", "-q", ...creds, from, `docker://${image}`]);
    }, 120_000);
    afterAll(async () => {
      await registry[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });
    beforeEach(async () => {
      home = await temporaryFolder();
    });

    const logIn = (place: string, password = USER.password) =>
      lading(["login", place, "-u", USER.name, "--password-stdin"], {
        home,
        input: `${password}\n`,
      });

    async function skopeo(...args: readonly string[]): Promise<string> {
      const env = { PATH: process.env.PATH, HOME: home };
      return (await run("skopeo", [...args], { env })).stdout;
    }

    it("by lading let skopeo in, with the same file", async () => {
      expect((await logIn(registry.address)).code).toBe(0);
      const file = join(home, "config/lading/auth.json");
      const args = ["--authfile", file, "--tls-verify=false", `docker://${image}`];
      expect(JSON.parse(await skopeo("inspect", ...args))).toMatchObject({ Architecture: "amd64" });
    });

    it("by lading for a path alone do so too: skopeo reads such keys", async () => {
      expect((await logIn(`${registry.address}/test`)).code).toBe(0);
      const file = join(home, "config/lading/auth.json");
      const args = ["--authfile", file, "--tls-verify=false", `docker://${image}`];
      expect(JSON.parse(await skopeo("inspect", ...args))).toMatchObject({ Architecture: "amd64" });
    });

    it("by skopeo let lading in, in Podman's place and in docker's", async () => {
      const places = ["config/containers/auth.json", "docker/config.json"];
      for (const place of places) {
        const file = join(home, place);
        await mkdir(join(file, ".."), { recursive: true });
        await writeFile(file, "{}");
        const account = ["--username", USER.name, "--password", USER.password];
        await skopeo(
          "login",
          ...account,
          "--authfile",
          file,
          "--tls-verify=false",
          registry.address,
        );
        const who = await lading(["whoami", "--json", image], { home });
        expect(JSON.parse(who.stdout)).toMatchObject({ username: USER.name, from: { path: file } });
        expect((await lading(["manifest", image], { home })).code).toBe(0);
        await rm(file);
      }
    });

    it("into skopeo's own file keep what is there, and skopeo logs out of it", async () => {
      const file = join(home, "auth.json");
      await writeFile(file, JSON.stringify({ auths: { "other.example": { auth: "YTpi" } } }));
      const saving = ["login", "--authfile", file, registry.address, "-u", USER.name];
      const ran = await lading([...saving, "--password-stdin"], { home, input: USER.password });
      expect(ran.code).toBe(0);
      await skopeo("logout", "--authfile", file, registry.address);
      expect(JSON.parse(await readFile(file, "utf8"))).toEqual({
        auths: { "other.example": { auth: "YTpi" } },
      });
    });

    it("with a wrong password are refused", async () => {
      expect((await logIn(registry.address, "wrong")).code).toBe(4);
    });
  },
);

describe.skipIf(present)("logins at Debian's registry", () => {
  it.skip(
    "need docker-registry, skopeo, htpasswd and openssl: apt-get install docker-registry skopeo apache2-utils openssl",
  );
});
