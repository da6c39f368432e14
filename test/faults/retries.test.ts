import { describe, expect, it } from "vitest";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import { ScriptedRegistry, status, truncate } from "../registry/scripted-registry.ts";
import { faultRig, layerOf, type Rig } from "./rig.ts";

const policy = { retries: 5, baseMs: 1, capMs: 1, random: () => 0 };

describe("what one blob may cost that does not come", () => {
  it.each([503, 520, 429])("is six requests of a registry that answers %i", async (code) => {
    await using rig = await faultRig();
    rig.registry.on(layerOf(rig), status(code), 99);
    await expect(rig.pull()).rejects.toMatchObject({ context: { status: code } });
    expect(asked(rig)).toBe(6);
    expect(rig.slept).toHaveLength(5);
  });

  it("is six requests, whether it is the answer that fails or the body", async () => {
    await using rig = await faultRig();
    for (let n = 0; n < 20; n += 1)
      rig.registry.on(layerOf(rig), n % 2 ? status(503) : truncate(9));
    await expect(rig.pull()).rejects.toMatchObject({ code: "registry-unavailable" });
    expect(asked(rig)).toBe(6);
  });

  it("is six requests of a token server that fails", async () => {
    await using realm = await ScriptedRegistry.start();
    const credentials = hostCredentials({});
    await using rig = await faultRig({ credentials });
    rig.registry.challenge = `Bearer realm="http://${realm.address}/token"`;
    realm.on("GET /token", status(503), 99);
    await expect(rig.pull()).rejects.toMatchObject({ code: "registry-unavailable" });
    expect(realm.asked.length).toBe(6);
  });

  it.each([5, 50])(
    "is five minutes of waiting for Retry-After, with %i retries",
    async (retries) => {
      await using rig = await faultRig({ retry: { ...policy, retries } });
      rig.registry.on(layerOf(rig), status(429, { "retry-after": "60" }), 99);
      await expect(rig.pull()).rejects.toMatchObject({ code: "rate-limited" });
      expect(rig.slept.reduce((sum, ms) => sum + ms, 0)).toBe(300_000);
      expect(asked(rig)).toBe(6);
    },
  );
});

describe("a registry that asks for a pause", () => {
  it("in the middle of a list of tags goes on with the page it was at (drydock #343)", async () => {
    await using rig = await faultRig();
    const page = (n: number) => `GET /v2/app/tags/list?n=1000&page=${n}`;
    const list = (n: number): void => {
      rig.registry.on(n === 1 ? "GET /v2/app/tags/list" : page(n), ({ response }) => {
        const next = `</v2/app/tags/list?n=1000&page=${n + 1}>; rel="next"`;
        response.writeHead(200, n < 9 ? { link: next } : {});
        response.end(JSON.stringify({ tags: [`t${n}`] }));
      });
    };
    for (const n of [1, 2, 3, 4, 5, 6]) list(n);
    rig.registry.on(page(7), status(429, { "retry-after": "3" }));
    for (const n of [7, 8, 9]) list(n);
    const tags: string[] = [];
    for await (const tag of rig.lading.tags(rig.reference)) tags.push(tag);
    expect(tags).toEqual(["t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"]);
    expect(rig.registry.asked.filter((line) => line === page(7))).toHaveLength(2);
    expect(rig.registry.asked).toHaveLength(10);
    expect(rig.slept).toEqual([3000]);
  });
});

function asked(rig: Rig): number {
  return rig.registry.asked.filter((line) => line === layerOf(rig)).length;
}
