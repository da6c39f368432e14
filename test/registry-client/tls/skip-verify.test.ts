import { describe, expect, it } from "vitest";
import type { LadingEvent } from "../../../src/content/events.ts";
import { createAuthority } from "../../registry/certificates.ts";
import { blobIn, clientFor, pemFiles, readBlob } from "../../registry/client-rig.ts";
import { redirectTo, ScriptedRegistry } from "../../registry/scripted-registry.ts";
import { settingsFor } from "../../registry/settings.ts";

const unverified = { tls: { skipVerify: true } };

describe("a certificate that is not verified", () => {
  it("is taken for the host of that setting alone, and said aloud once", async () => {
    await using mine = await ScriptedRegistry.start({ tls: createAuthority().issue() });
    await using other = await ScriptedRegistry.start({ tls: createAuthority().issue() });
    await using client = clientFor({ settings: settingsFor({ [mine.address]: unverified }) });
    const warnings: LadingEvent[] = [];
    const hear = (event: LadingEvent): void => {
      if (event.type === "warning") warnings.push(event);
    };
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await readBlob(client, mine.address, blobIn(mine), hear)).toBe("a blob");
    }
    expect(warnings).toMatchObject([
      { code: "insecure", message: expect.stringContaining(mine.address) },
    ]);
    await expect(readBlob(client, other.address, blobIn(other), hear)).rejects.toMatchObject({
      message: expect.stringContaining("not trusted"),
    });
    expect(other.received).toEqual([]);
    expect(warnings).toHaveLength(1);
  });

  it("is no leave for the host that it redirects to", async () => {
    await using mine = await ScriptedRegistry.start({ tls: createAuthority().issue() });
    await using cdn = await ScriptedRegistry.start({ tls: createAuthority().issue() });
    const blob = blobIn(mine);
    mine.on("GET /v2/app/blobs/", redirectTo(`https://${cdn.address}/blob`));
    await using client = clientFor({ settings: settingsFor({ [mine.address]: unverified }) });
    await expect(readBlob(client, mine.address, blob)).rejects.toMatchObject({
      message: expect.stringContaining("not trusted"),
    });
    expect(cdn.received).toEqual([]);
  });

  it("leaves no session that a verified connection would resume", async () => {
    await using host = await ScriptedRegistry.start({ tls: createAuthority().issue() });
    const blob = blobIn(host);
    const { ca } = await pemFiles({ ca: createAuthority().cert });
    let skip = true;
    const settings = settingsFor({});
    const changing = {
      ...settings,
      forRegistry: async (registry: string) => {
        const entry = skip ? unverified : { tls: { ca: [ca] } };
        return settingsFor({ [host.address]: entry }).forRegistry(registry);
      },
    };
    await using client = clientFor({ settings: changing });
    expect(await readBlob(client, host.address, blob)).toBe("a blob");
    skip = false;
    await expect(readBlob(client, host.address, blob)).rejects.toMatchObject({
      message: expect.stringContaining("not trusted"),
    });
    expect(host.received).toHaveLength(1);
  });
});
