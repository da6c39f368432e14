import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { describe, expect, it } from "vitest";
import { type RootPlaces, systemRoots } from "../../../src/registry/tls/system-roots.ts";
import { temporaryFolder } from "../../temporary.ts";

const [one = "", two = "", three = "", four = ""] = rootCertificates.map((text) => text.trim());

interface Machine {
  readonly folder: string;
  readonly places: RootPlaces;
  roots(
    environment?: NodeJS.ProcessEnv,
    places?: Partial<RootPlaces>,
  ): Promise<readonly string[] | undefined>;
}

/** A machine with the files that are named, and nothing in the usual places but what is among them. */
async function machine(files: Readonly<Record<string, string>>): Promise<Machine> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "certs"));
  await mkdir(join(folder, "other"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const places: RootPlaces = {
    bundles: [join(folder, "debian.crt"), join(folder, "fedora.crt")],
    folders: [join(folder, "certs")],
    native: async () => [],
  };
  return {
    folder,
    places,
    roots: (environment = {}, more = {}) => systemRoots(environment, { ...places, ...more }),
  };
}

describe("the authorities that are trusted", () => {
  it("are those of the distribution's bundle: the first that is there, and whole", async () => {
    const text = `# comment\n${one}\n${two}\n${one}\n`;
    const { roots } = await machine({
      "debian.crt": text,
      "fedora.crt": three,
      "certs/a.pem": four,
    });
    expect(await roots()).toEqual([one, two]);
    expect(await (await machine({ "fedora.crt": three })).roots()).toEqual([three]);
  });

  it("are those of the folder where there is no bundle, each once though it has two names", async () => {
    const { folder, roots } = await machine({
      "certs/a.pem": one,
      "certs/b.pem": two,
      "certs/README": "x",
    });
    await symlink("a.pem", join(folder, "certs/002c0b4f.0"));
    expect(await roots()).toEqual([one, two]);
  });

  it("are what Node knows of the system's where there is no bundle", async () => {
    const { roots } = await machine({ "certs/a.pem": one });
    expect(await roots({}, { native: async () => [two] })).toEqual([two]);
  });

  it("are Node's own where the system has none", async () => {
    expect(await (await machine({})).roots()).toBeUndefined();
    expect(await (await machine({ "debian.crt": "" })).roots()).toBeUndefined();
  });

  it("are what SSL_CERT_FILE holds, and not the bundle", async () => {
    const { folder, roots } = await machine({ "debian.crt": one, "mine.pem": two });
    expect(await roots({ SSL_CERT_FILE: join(folder, "mine.pem") })).toEqual([two]);
    expect(await roots({ SSL_CERT_FILE: "" })).toEqual([one]);
  });

  it("are those of SSL_CERT_DIR's folders beside the bundle", async () => {
    const { folder, roots } = await machine({
      "debian.crt": one,
      "other/x.pem": two,
      "certs/y.pem": three,
    });
    const SSL_CERT_DIR = `${join(folder, "other")}:${join(folder, "certs")}`;
    expect(await roots({ SSL_CERT_DIR })).toEqual([one, two, three]);
  });

  it("are an error where SSL_CERT_FILE holds none: nothing else is trusted in its stead", async () => {
    const { folder, roots } = await machine({ "certs/a.pem": one, "empty.pem": "" });
    for (const SSL_CERT_FILE of [join(folder, "none.pem"), join(folder, "empty.pem")]) {
      await expect(roots({ SSL_CERT_FILE }, { native: async () => [two] })).rejects.toMatchObject({
        code: "usage",
        message: expect.stringContaining("SSL_CERT_FILE"),
      });
    }
  });

  it("are joined by NODE_EXTRA_CA_CERTS, which Node leaves out once others are named", async () => {
    const { folder, roots } = await machine({ "debian.crt": one, "extra.pem": two });
    expect(await roots({ NODE_EXTRA_CA_CERTS: join(folder, "extra.pem") })).toEqual([one, two]);
    expect(await roots({ NODE_EXTRA_CA_CERTS: join(folder, "none.pem") })).toEqual([one]);
  });

  it("are each there once, though three variables name them", async () => {
    const { folder, roots } = await machine({ "debian.crt": `${one}\n${two}`, "certs/x.pem": one });
    const bundle = join(folder, "debian.crt");
    const environment = { SSL_CERT_FILE: bundle, NODE_EXTRA_CA_CERTS: bundle };
    const SSL_CERT_DIR = join(folder, "certs");
    expect(await roots({ ...environment, SSL_CERT_DIR })).toEqual([one, two]);
  });
});
