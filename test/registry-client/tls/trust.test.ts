import { describe, expect, it } from "vitest";
import { createAuthority } from "../../registry/certificates.ts";
import { blobIn, clientFor, pemFiles, readBlob } from "../../registry/client-rig.ts";
import { redirectTo, ScriptedRegistry } from "../../registry/scripted-registry.ts";
import { settingsFor } from "../../registry/settings.ts";

const untrusted = {
  code: "network",
  message: expect.stringContaining("not trusted"),
  transient: false,
};

describe("the authorities of a registry", () => {
  const company = createAuthority();
  const other = createAuthority();

  it("that its settings name are trusted, for it and for no other", async () => {
    await using mine = await ScriptedRegistry.start({ tls: company.issue() });
    await using theirs = await ScriptedRegistry.start({ tls: company.issue() });
    const { ca } = await pemFiles({ ca: company.cert });
    const settings = settingsFor({ [mine.address]: { tls: { ca: [ca] } } });
    await using client = clientFor({ settings });
    expect(await readBlob(client, mine.address, blobIn(mine))).toBe("a blob");
    await expect(readBlob(client, theirs.address, blobIn(theirs))).rejects.toMatchObject(untrusted);
    expect(theirs.received).toEqual([]);
  });

  it("are not trusted for a host that it redirects to", async () => {
    await using mine = await ScriptedRegistry.start({ tls: company.issue() });
    await using cdn = await ScriptedRegistry.start({ tls: company.issue() });
    const blob = blobIn(mine);
    mine.on("GET /v2/app/blobs/", redirectTo(`https://${cdn.address}/blob`));
    const { ca } = await pemFiles({ ca: company.cert });
    const settings = settingsFor({ [mine.address]: { tls: { ca: [ca] } } });
    await using client = clientFor({ settings });
    await expect(readBlob(client, mine.address, blob)).rejects.toMatchObject(untrusted);
    expect(cdn.received).toEqual([]);
  });

  it("are trusted though one of everybody's can't be read", async () => {
    await using mine = await ScriptedRegistry.start({ tls: company.issue() });
    const { ca } = await pemFiles({ ca: company.cert });
    const broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    for (const settings of [
      { ...settingsFor({ [mine.address]: { tls: { ca: [ca] } } }), roots: async () => [broken] },
      { ...settingsFor({}), roots: async () => [broken, company.cert] },
    ]) {
      await using client = clientFor({ settings });
      expect(await readBlob(client, mine.address, blobIn(mine))).toBe("a blob");
    }
  });

  it("stand beside those that everybody trusts", async () => {
    await using mine = await ScriptedRegistry.start({ tls: company.issue() });
    await using public_ = await ScriptedRegistry.start({ tls: other.issue() });
    const { ca, system } = await pemFiles({ ca: company.cert, system: other.cert });
    const settings = settingsFor({
      [mine.address]: { tls: { ca: [ca] } },
      [public_.address]: { tls: { ca: [ca] } },
    });
    await using client = clientFor({ settings, environment: { SSL_CERT_FILE: system } });
    expect(await readBlob(client, mine.address, blobIn(mine))).toBe("a blob");
    expect(await readBlob(client, public_.address, blobIn(public_))).toBe("a blob");
  });

  it("are those of SSL_CERT_FILE, with those of NODE_EXTRA_CA_CERTS", async () => {
    await using one = await ScriptedRegistry.start({ tls: company.issue() });
    await using two = await ScriptedRegistry.start({ tls: other.issue() });
    const files = await pemFiles({ one: company.cert, two: other.cert });
    const environment = { SSL_CERT_FILE: files.one, NODE_EXTRA_CA_CERTS: files.two };
    await using client = clientFor({ environment });
    expect(await readBlob(client, one.address, blobIn(one))).toBe("a blob");
    expect(await readBlob(client, two.address, blobIn(two))).toBe("a blob");
    await using narrow = clientFor({ environment: { SSL_CERT_FILE: files.one } });
    await expect(readBlob(narrow, two.address, blobIn(two))).rejects.toMatchObject(untrusted);
  });

  it("are not even read for a registry of this machine that speaks no TLS", async () => {
    await using plain = await ScriptedRegistry.start();
    await using secure = await ScriptedRegistry.start({ tls: company.issue() });
    let read = 0;
    const settings = {
      ...settingsFor({}),
      roots: async () => {
        read += 1;
        return [company.cert];
      },
    };
    await using client = clientFor({ settings });
    expect(await readBlob(client, plain.address, blobIn(plain))).toBe("a blob");
    expect(read).toBe(0);
    expect(await readBlob(client, secure.address, blobIn(secure))).toBe("a blob");
    expect(await readBlob(client, secure.address, blobIn(secure))).toBe("a blob");
    expect(read).toBe(1);
    expect(secure.received).toHaveLength(2);
  });

  it("are read again when the file was mended", async () => {
    await using mine = await ScriptedRegistry.start({ tls: company.issue() });
    const files = await pemFiles({ ca: "no certificate" });
    const settings = settingsFor({ [mine.address]: { tls: { ca: [files.ca] } } });
    await using client = clientFor({ settings });
    await expect(readBlob(client, mine.address, blobIn(mine))).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(files.ca),
    });
    const { writeFile } = await import("node:fs/promises");
    await writeFile(files.ca, company.cert);
    expect(await readBlob(client, mine.address, blobIn(mine))).toBe("a blob");
  });
});

describe("a certificate", () => {
  const authority = createAuthority();
  const past = { notBefore: new Date(0), notAfter: new Date(1e12) };

  it.each([
    ["that has expired", authority.issue(past), "has expired"],
    ["for another host", authority.issue({ names: ["registry.example"] }), "for another host"],
    ["of an authority that nobody knows", createAuthority().issue(), "not trusted"],
  ])("%s is refused, and nothing is asked", async (_what, tls, message) => {
    await using registry = await ScriptedRegistry.start({ tls });
    const { ca } = await pemFiles({ ca: authority.cert });
    const settings = settingsFor({ [registry.address]: { tls: { ca: [ca] } } });
    await using client = clientFor({ settings });
    await expect(readBlob(client, registry.address, blobIn(registry))).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining(message),
      transient: false,
    });
    expect(registry.received).toEqual([]);
  });

  it("of an older TLS than 1.2 is not even looked at", async () => {
    const tls = { ...authority.issue(), minVersion: "TLSv1", maxVersion: "TLSv1.1" } as const;
    await using registry = await ScriptedRegistry.start({
      tls: { ...tls, ciphers: "DEFAULT@SECLEVEL=0" },
    });
    const { ca } = await pemFiles({ ca: authority.cert });
    const settings = settingsFor({ [registry.address]: { tls: { ca: [ca] } } });
    await using client = clientFor({ settings });
    await expect(readBlob(client, registry.address, blobIn(registry))).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("TLS"),
    });
    expect(registry.received).toEqual([]);
  });
});
