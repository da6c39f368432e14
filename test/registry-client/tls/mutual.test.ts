import { describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "../../registry/certificates.ts";
import { blobIn, clientFor, pemFiles, readBlob } from "../../registry/client-rig.ts";
import { redirectTo, ScriptedRegistry, status } from "../../registry/scripted-registry.ts";
import { type HostEntry, settingsFor } from "../../registry/settings.ts";

/** Asks each client for a certificate, and says who came. */
function asking(authority: Authority, rejectUnauthorized = false) {
  return { ...authority.issue(), ca: authority.cert, requestCert: true, rejectUnauthorized };
}

async function entryOf(authority: Authority, subject?: string): Promise<HostEntry> {
  const { cert, key } = authority.issue({ client: true, ...(subject && { subject }) });
  const files = await pemFiles({ ca: authority.cert, cert, key });
  const client = subject === undefined ? [] : [{ cert: files.cert, key: files.key }];
  return { tls: { ca: [files.ca], client } };
}

describe("a client certificate", () => {
  const authority = createAuthority();

  it("is shown to its registry", async () => {
    await using registry = await ScriptedRegistry.start({ tls: asking(authority, true) });
    const settings = settingsFor({ [registry.address]: await entryOf(authority, "me") });
    await using client = clientFor({ settings });
    expect(await readBlob(client, registry.address, blobIn(registry))).toBe("a blob");
    expect(registry.received.map((one) => one.client)).toEqual(["me"]);
  });

  it("that a registry wants and nobody has is an error that says where to name one", async () => {
    await using registry = await ScriptedRegistry.start({ tls: asking(authority, true) });
    const settings = settingsFor({ [registry.address]: await entryOf(authority) });
    await using client = clientFor({ settings });
    await expect(readBlob(client, registry.address, blobIn(registry))).rejects.toMatchObject({
      code: "network",
      hint: expect.stringContaining("client in lading.toml"),
      transient: false,
    });
  });

  it("of one registry is shown to no other, though both trust its authority", async () => {
    await using mine = await ScriptedRegistry.start({ tls: asking(authority) });
    await using other = await ScriptedRegistry.start({ tls: asking(authority) });
    const settings = settingsFor({
      [mine.address]: await entryOf(authority, "me"),
      [other.address]: await entryOf(authority),
    });
    await using client = clientFor({ settings });
    await readBlob(client, mine.address, blobIn(mine));
    await readBlob(client, other.address, blobIn(other));
    expect(mine.received.map((one) => one.client)).toEqual(["me"]);
    expect(other.received.map((one) => one.client)).toEqual([undefined]);
  });

  it("is not shown to the host that its registry redirects to (GHSA-h3wm-jjqf-8jm2)", async () => {
    await using mine = await ScriptedRegistry.start({ tls: asking(authority) });
    await using cdn = await ScriptedRegistry.start({ tls: asking(authority) });
    const blob = blobIn(mine);
    mine.on("GET /v2/app/blobs/", redirectTo(`https://${cdn.address}/blob`));
    cdn.on("GET /blob", ({ response }) => void response.end("a blob"));
    const settings = settingsFor({
      [mine.address]: await entryOf(authority, "me"),
      // Even one of the CDN's own stays at home: who redirects there would use it.
      [cdn.address]: await entryOf(authority, "me at the CDN"),
    });
    await using client = clientFor({ settings });
    expect(await readBlob(client, mine.address, blob)).toBe("a blob");
    expect(cdn.asked).toEqual(["GET /blob"]);
    expect(cdn.received.map((one) => one.client)).toEqual([undefined]);
  });

  it("is not shown when the CDN leads back to the registry", async () => {
    await using mine = await ScriptedRegistry.start({ tls: asking(authority) });
    await using cdn = await ScriptedRegistry.start({ tls: asking(authority) });
    const blob = blobIn(mine);
    mine.on("GET /v2/app/blobs/", redirectTo(`https://${cdn.address}/away`));
    cdn.on("GET /away", redirectTo(`https://${mine.address}/admin`));
    mine.on("GET /admin", status(404));
    const settings = settingsFor({
      [mine.address]: await entryOf(authority, "me"),
      [cdn.address]: await entryOf(authority),
    });
    await using client = clientFor({ settings });
    await expect(readBlob(client, mine.address, blob)).rejects.toMatchObject({ code: "not-found" });
    const seen = mine.received.map(({ path, client }) => `${path.slice(0, 6)} ${client}`);
    expect(seen).toEqual(["/v2/ap me", "/admin undefined"]);
  });

  it("with the key of another is an error that names the files", async () => {
    await using registry = await ScriptedRegistry.start({ tls: asking(authority) });
    const { cert } = authority.issue({ client: true });
    const { key } = authority.issue({ client: true });
    const files = await pemFiles({ cert, key });
    const settings = settingsFor({ [registry.address]: { tls: { client: [files] } } });
    await using client = clientFor({ settings });
    await expect(readBlob(client, registry.address, blobIn(registry))).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(files.cert),
    });
    expect(registry.connections).toBe(0);
  });
});
