import { describe, expect, it } from "vitest";
import { parseReference } from "../../src/oci/reference.ts";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import { blobIn, clientFor, readBlob } from "../registry/client-rig.ts";
import { redirectTo, ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { settingsFor } from "../registry/settings.ts";

const mine = { headers: { "x-team": "a-secret", cookie: "session=a-secret" } };

describe("headers that the settings name for an origin", () => {
  it("go there with each request", async () => {
    await using registry = await ScriptedRegistry.start();
    const settings = settingsFor({ [registry.address]: mine }, { plainHttp: [registry.address] });
    await using client = clientFor({ settings });
    await readBlob(client, registry.address, blobIn(registry));
    const repository = await client.repository(parseReference(`${registry.address}/app`));
    await repository.resolve("none").catch(() => {});
    expect(registry.received.length).toBeGreaterThan(1);
    for (const { headers } of registry.received) expect(headers).toMatchObject(mine.headers);
  });

  it("go neither to the token server, nor to the CDN, nor to a retry there (GHSA-whvf-jp7m-59f3)", async () => {
    await using registry = await ScriptedRegistry.start();
    await using realm = await ScriptedRegistry.start();
    await using cdn = await ScriptedRegistry.start();
    const blob = blobIn(registry);
    registry.challenge = `Bearer realm="http://${realm.address}/token"`;
    realm.on("GET /token", status(200, {}, JSON.stringify({ token: "t" })));
    registry.on("GET /v2/app/blobs/", redirectTo(`http://${cdn.address}/blob`), 9);
    cdn
      .on("GET /blob", status(503))
      .on("GET /blob", redirectTo(`http://${registry.address}/back`))
      .on("GET /blob", ({ response }) => void response.end("a blob"));
    registry.on("GET /back", status(503));
    const credentials = hostCredentials({
      [registry.address]: { kind: "basic", username: "me", password: "p" },
    });
    const settings = settingsFor({ [registry.address]: mine }, { plainHttp: [registry.address] });
    const retry = { retries: 5, baseMs: 1, capMs: 1, random: () => 0 };
    await using client = clientFor({ settings, credentials, retry });
    expect(await readBlob(client, registry.address, blob)).toBe("a blob");
    expect(realm.received).toHaveLength(1);
    expect(cdn.received).toHaveLength(3);
    for (const { headers } of [...realm.received, ...cdn.received]) {
      expect(JSON.stringify(headers)).not.toContain("a-secret");
    }
    // Nor back home, where the CDN sent us and not the user.
    const back = registry.received.filter(({ path }) => path === "/back");
    expect(back).toHaveLength(1);
    expect(JSON.stringify(back)).not.toContain("a-secret");
  });

  it("of the token server's own go to it", async () => {
    await using registry = await ScriptedRegistry.start();
    await using realm = await ScriptedRegistry.start();
    registry.challenge = `Bearer realm="http://${realm.address}/token"`;
    realm.on("GET /token", status(200, {}, JSON.stringify({ token: "t" })));
    const settings = settingsFor(
      { [realm.address]: { headers: { "x-gate": "open" } } },
      { plainHttp: [registry.address] },
    );
    await using client = clientFor({ settings });
    await readBlob(client, registry.address, blobIn(registry));
    expect(realm.received[0]?.headers["x-gate"]).toBe("open");
    for (const { headers } of registry.received) expect(headers["x-gate"]).toBeUndefined();
  });

  it("change a user agent, and nothing that the protocol needs", async () => {
    await using registry = await ScriptedRegistry.start();
    const headers = { "user-agent": "mine/1", accept: "text/html" };
    const settings = settingsFor(
      { [registry.address]: { headers } },
      { plainHttp: [registry.address] },
    );
    await using client = clientFor({ settings });
    expect(await readBlob(client, registry.address, blobIn(registry))).toBe("a blob");
    expect(registry.received[0]?.headers["user-agent"]).toBe("mine/1");
    expect(registry.received[0]?.headers.accept).not.toBe("text/html");
  });
});
