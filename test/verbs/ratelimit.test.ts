import { describe, expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { lading } from "../cli/run-command.ts";
import { mirrored } from "../registry/mirrored.ts";
import {
  type Answer,
  ScriptedRegistry,
  status,
  withHeaders,
} from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";

const limits = {
  "ratelimit-limit": "100;w=21600",
  "ratelimit-remaining": "76;w=21600",
  "docker-ratelimit-source": "93.184.216.34",
};

async function rig(answer?: Answer) {
  const registry = await ScriptedRegistry.start();
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  if (answer !== undefined) registry.on("HEAD /v2/app/manifests/1", answer, 100);
  const home = await temporaryFolder();
  const reference = `${registry.address}/app:1`;
  return {
    registry,
    reference,
    ratelimit: (...args: string[]) => lading(["ratelimit", ...args, reference], { home }),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

describe("the rate limit of a registry", () => {
  it("is what the head of a manifest says, and nothing else is asked for", async () => {
    await using tested = await rig(withHeaders(limits));
    const { stdout, code } = await tested.ratelimit();
    const { address } = tested.registry;
    expect(stdout).toBe(`${address}: 76 of 100 left, for 6 h (93.184.216.34)\n`);
    expect(code).toBe(0);
    expect(tested.registry.asked).toEqual(["HEAD /v2/app/manifests/1"]);
    expect(JSON.parse((await tested.ratelimit("--json")).stdout)).toEqual({
      registry: address,
      limit: 100,
      remaining: 76,
      windowSeconds: 21_600,
      source: "93.184.216.34",
    });
  });

  it("of one that tells of none is none, and no failure", async () => {
    await using tested = await rig();
    const { stdout, code } = await tested.ratelimit();
    expect({ stdout, code }).toEqual({
      stdout: `${tested.registry.address}: tells of no limit\n`,
      code: 0,
    });
    const { stdout: json } = await tested.ratelimit("--json");
    expect(JSON.parse(json)).toEqual({ registry: tested.registry.address, limit: null });
  });

  it("is told by an answer of another kind too", async () => {
    await using tested = await rig(status(403, { ...limits, "ratelimit-remaining": "0" }));
    expect((await tested.ratelimit()).stdout).toContain(": 0 of 100 left");
  });

  it.each([
    [404, 3],
    [401, 4],
    [501, 6],
  ])("is an error where there is no answer: %i", async (code, exit) => {
    await using tested = await rig(status(code));
    expect((await tested.ratelimit()).code).toBe(exit);
  });

  it("is the registry's own, not a mirror's", async () => {
    await using tested = await rig(withHeaders(limits));
    await using mirror = await ScriptedRegistry.start();
    const settings = mirrored(tested.registry.address, [
      { at: mirror.address, capabilities: ["pull", "resolve"] },
    ]);
    await using opened = await open({ root: await temporaryFolder(), settings });
    expect(await opened.ratelimit(tested.reference)).toMatchObject({ remaining: 76 });
    expect(mirror.received).toEqual([]);
  });

  it("is nothing that a store has", async () => {
    const home = await temporaryFolder();
    expect((await lading(["ratelimit", "store:app"], { home })).code).toBe(2);
  });
});
