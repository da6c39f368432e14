import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type CredentialRequest,
  type FoundCredential,
  identityOf,
} from "../../../src/registry/auth/credentials.ts";
import {
  defaultCredentials,
  type SourceOptions,
} from "../../../src/registry/auth/sources/default.ts";
import { credentialFiles } from "../../../src/registry/auth/sources/places.ts";
import { helperFolder } from "./helper-scripts.ts";

const REGISTRY = "a.example";
const request: CredentialRequest = {
  origin: `https://${REGISTRY}`,
  registry: REGISTRY,
  repository: "org/app",
  action: "pull",
};

const fileOf = (username: string): string => {
  const auth = Buffer.from(`${username}:secret`).toString("base64");
  return JSON.stringify({ auths: { [REGISTRY]: { auth } } });
};

/** Every place has an account of its own name. */
async function everywhere() {
  const helpers = await helperFolder();
  await helpers.keeper("settings", { [REGISTRY]: ["lading.toml", "x"] });
  const home = helpers.environment.HOME ?? "";
  const files = {
    "--authfile": join(home, "named.json"),
    own: join(home, "config/lading/auth.json"),
    docker: join(home, ".docker/config.json"),
    session: join(home, "run/containers/auth.json"),
    lasting: join(home, "config/containers/auth.json"),
  };
  for (const [name, path] of Object.entries(files)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, fileOf(name));
  }
  const environment: NodeJS.ProcessEnv = {
    ...helpers.environment,
    LADING_REGISTRY: REGISTRY,
    LADING_USERNAME: "variables",
    LADING_PASSWORD: "x",
    DOCKER_AUTH_CONFIG: fileOf("DOCKER_AUTH_CONFIG"),
  };
  const helperOf = async (): Promise<string> => "settings";
  return { environment, authFile: files["--authfile"], helperOf, files };
}

async function who(options: SourceOptions): Promise<string | undefined> {
  const found = await defaultCredentials(options).get(request, {});
  return found?.kind === "basic" ? found.username : undefined;
}

describe("credentials are looked for", () => {
  it("in the documented order", async () => {
    const { files, ...options } = await everywhere();
    const environment = { ...options.environment };
    const steps: [string, () => unknown][] = [
      ["--authfile", () => Object.assign(options, { authFile: undefined })],
      ["variables", () => delete environment.LADING_USERNAME && delete environment.LADING_PASSWORD],
      ["DOCKER_AUTH_CONFIG", () => delete environment.DOCKER_AUTH_CONFIG],
      ["lading.toml", () => Object.assign(options, { helperOf: undefined })],
      ["own", () => writeFile(files.own, "{}")],
      ["docker", () => writeFile(files.docker, "{}")],
      ["session", () => writeFile(files.session, "{}")],
      ["lasting", () => writeFile(files.lasting, "{}")],
    ];
    for (const [expected, remove] of steps) {
      expect(await who({ ...options, environment })).toBe(expected);
      await remove();
    }
    expect(await who({ ...options, environment })).toBeUndefined();
  });

  it("and what was asked can be told, without a secret", async () => {
    const { files, ...options } = await everywhere();
    const environment = { ...options.environment, LADING_USERNAME: "", LADING_PASSWORD: "" };
    const explain = (more: SourceOptions) =>
      defaultCredentials({ environment, ...more }).explain(request, {});
    const first = await explain({ authFile: files["--authfile"] });
    expect(first.asked).toEqual([files["--authfile"]]);
    const { asked, found } = await explain({});
    expect(asked).toEqual(["LADING_REGISTRY", "DOCKER_AUTH_CONFIG"]);
    expect(found?.from).toEqual({ kind: "environment", name: "DOCKER_AUTH_CONFIG", key: REGISTRY });
    expect(JSON.stringify([asked, found?.from])).not.toContain("secret");
  });

  it.each(["own", "docker", "session", "lasting"] as const)(
    "and a file that can't be read stops the request: %s",
    async (broken) => {
      const { files, ...options } = await everywhere();
      const names = ["own", "docker", "session", "lasting"] as const;
      for (const name of names.slice(0, names.indexOf(broken))) await writeFile(files[name], "{}");
      await writeFile(files[broken], "{");
      const { HOME, PATH, XDG_CONFIG_HOME, XDG_RUNTIME_DIR } = options.environment;
      const environment = { HOME, PATH, XDG_CONFIG_HOME, XDG_RUNTIME_DIR };
      await expect(who({ environment })).rejects.toMatchObject({
        code: "usage",
        context: { path: files[broken] },
      });
    },
  );

  it("in a file that is named and not there, which is an error", async () => {
    const { environment, authFile } = await everywhere();
    await expect(who({ environment, authFile: `${authFile}.absent` })).rejects.toMatchObject({
      code: "usage",
      message: "the credential file is not there",
    });
  });

  it("past an empty file, as docker does, but for one that is named", async () => {
    const { environment, authFile, files } = await everywhere();
    const { HOME, PATH, XDG_CONFIG_HOME, XDG_RUNTIME_DIR } = environment;
    await writeFile(files.own, "");
    await writeFile(files.docker, "");
    const usual = { HOME, PATH, XDG_CONFIG_HOME, XDG_RUNTIME_DIR };
    expect(await who({ environment: usual })).toBe("session");
    await writeFile(authFile, "");
    await expect(who({ environment: usual, authFile })).rejects.toMatchObject({
      code: "usage",
      context: { path: authFile },
    });
  });

  it("not past an entry that is no account: nobody else's is sent in its place", async () => {
    const { environment, files } = await everywhere();
    const { HOME, PATH, XDG_CONFIG_HOME, XDG_RUNTIME_DIR } = environment;
    const auth = Buffer.from("only-a-token").toString("base64");
    await writeFile(files.own, JSON.stringify({ auths: { [REGISTRY]: { auth } } }));
    await expect(
      who({ environment: { HOME, PATH, XDG_CONFIG_HOME, XDG_RUNTIME_DIR } }),
    ).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(REGISTRY),
      context: { path: files.own },
    });
  });

  it("anew once somebody has logged in", async () => {
    const { environment, files } = await everywhere();
    const { HOME, PATH, XDG_CONFIG_HOME, XDG_RUNTIME_DIR } = environment;
    const source = defaultCredentials({
      environment: { HOME, PATH, XDG_CONFIG_HOME, XDG_RUNTIME_DIR },
    });
    expect(await source.get(request, {})).toMatchObject({ username: "own" });
    await writeFile(files.own, fileOf("somebody-else"));
    source.clear();
    expect(await source.get(request, {})).toMatchObject({ username: "somebody-else" });
  });
});

it("one account from two places is one identity, with one token", () => {
  const account = { kind: "basic", username: "me", password: "x" } as const;
  const from = { kind: "file", name: "docker's config.json" } as const;
  const found: FoundCredential = { ...account, from };
  expect(identityOf(found)).toBe(identityOf(account));
  expect(identityOf({ kind: "token", token: "x" })).not.toBe(
    identityOf({ kind: "identity", token: "x" }),
  );
});

describe("the places of credential files", () => {
  const paths = (environment: NodeJS.ProcessEnv, uid?: number) =>
    credentialFiles({ environment, uid }).map(({ path }) => path);

  it("are those of docker and Podman", () => {
    expect(paths({ HOME: "/people/me" }, 1000)).toEqual([
      "/people/me/.config/lading/auth.json",
      "/people/me/.docker/config.json",
      "/run/containers/1000/auth.json",
      "/people/me/.config/containers/auth.json",
    ]);
    const xdg = { XDG_CONFIG_HOME: "/xdg", XDG_RUNTIME_DIR: "/run/user/1000" };
    expect(paths({ HOME: "/people/me", ...xdg }, 1000)).toEqual([
      "/xdg/lading/auth.json",
      "/people/me/.docker/config.json",
      "/run/user/1000/containers/auth.json",
      "/xdg/containers/auth.json",
    ]);
  });

  it("are named by variables; an empty one counts as not set, a relative XDG folder as none", () => {
    const environment = {
      HOME: "/people/me",
      LADING_AUTH_FILE: "/a",
      DOCKER_CONFIG: "/d",
      REGISTRY_AUTH_FILE: "/r",
      XDG_CONFIG_HOME: "relative",
    };
    expect(paths(environment, 0)).toEqual(["/a", "/d/config.json", "/r"]);
    const empty = { LADING_AUTH_FILE: "", DOCKER_CONFIG: "", REGISTRY_AUTH_FILE: "" };
    expect(paths({ ...environment, ...empty })).toEqual([
      "/people/me/.config/lading/auth.json",
      "/people/me/.docker/config.json",
      "/people/me/.config/containers/auth.json",
    ]);
  });
});
