import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  certificatesIn,
  hasPrivateKey,
  readCertificates,
  readPrivateKey,
} from "../../../src/registry/tls/pem.ts";
import { temporaryFolder } from "../../temporary.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = String(privateKey.export({ type: "pkcs8", format: "pem" }));
const encrypted = String(
  privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }),
);
const [one = "", two = ""] = rootCertificates;

async function file(text: string): Promise<string> {
  const path = join(await temporaryFolder(), "file.pem");
  await writeFile(path, text);
  return path;
}

describe("a PEM file", () => {
  it("gives its certificates, whatever stands around them", () => {
    expect(certificatesIn(`Subject: a\n${one}\n# b\n${key}${two}\n`)).toEqual([one, two]);
    expect(certificatesIn(one.replaceAll("\n", "\r\n"))).toHaveLength(1);
    expect(certificatesIn(key)).toEqual([]);
  });

  it("has a private key or none", () => {
    expect([key, `${one}\n${key}`, encrypted].map(hasPrivateKey)).toEqual([true, true, true]);
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const open = String(publicKey.export({ type: "spki", format: "pem" }));
    expect([one, open, "-----BEGIN PRIVATE"].map(hasPrivateKey)).toEqual([false, false, false]);
  });

  it("is read through a link, as secrets of Kubernetes are", async () => {
    const path = await file(one);
    await symlink(path, `${path}.link`);
    expect(await readCertificates(`${path}.link`)).toBe(one);
  });

  it.each<[string, (path: string) => Promise<string>, string, string]>([
    ["without a certificate", readCertificates, key, "no certificate"],
    ["without a key", readPrivateKey, one, "no private key"],
    ["with an encrypted key", readPrivateKey, encrypted, "encrypted"],
  ])("%s where one is needed is an error that names it", async (_, read, text, why) => {
    const path = await file(text);
    await expect(read(path)).rejects.toMatchObject({
      code: "usage",
      message: expect.stringMatching(new RegExp(`^${path}: .*${why}`)),
      hint: expect.anything(),
    });
  });

  it("that is not there, is a folder or a FIFO is an error that names it", async () => {
    const folder = await temporaryFolder();
    const fifo = join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    for (const path of [join(folder, "none.pem"), folder, fifo]) {
      await expect(readCertificates(path)).rejects.toMatchObject({
        code: "usage",
        context: { path },
      });
    }
  });

  it("of any text is read in no time", () => {
    const piece = fc.constantFrom(
      "-----BEGIN CERTIFICATE-----",
      "-----END CERTIFICATE-----",
      "\n",
      "AAAA",
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        for (const found of certificatesIn(pieces.join(""))) expect(found).toMatch(/^-----BEGIN/);
      }),
    );
    certificatesIn("-----BEGIN CERTIFICATE-----\n".repeat(20_000));
  });
});
