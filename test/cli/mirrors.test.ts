import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { reset, ScriptedRegistry, withHeaders } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading, type Ran } from "./run-command.ts";

async function rig() {
  const registry = await ScriptedRegistry.start();
  const mirror = await ScriptedRegistry.start();
  for (const { content } of [registry, mirror]) {
    content.tag("app:1", randomImage(content, { seed: 1 }).descriptor);
  }
  const home = await temporaryFolder();
  return {
    registry,
    mirror,
    home,
    pull: (...args: string[]): Promise<Ran> =>
      lading(["pull", ...args, `${registry.address}/app:1`], { home }),
    toml: (text: string): Promise<void> => writeFile(join(home, "lading.toml"), text),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await mirror[Symbol.asyncDispose]();
    },
  };
}

describe("a mirror", () => {
  it("of lading.toml serves what a digest names, under the name that it has there", async () => {
    await using tested = await rig();
    const { registry, mirror } = tested;
    await tested.toml(`[[registry."${registry.address}".mirror]]
url = "http://${mirror.address}"
rewrite = { from = "app", to = "hub/app" }
`);
    expect((await tested.pull()).code).toBe(0);
    expect(registry.asked).toEqual(["HEAD /v2/app/manifests/1"]);
    const ns = `?ns=${encodeURIComponent(registry.address)}`;
    const named = (line: string) => line.startsWith("GET /v2/hub/app/") && line.endsWith(ns);
    expect(mirror.asked.map(named)).toEqual([true, true, true, true]);
  });

  it("of hosts.toml serves tags too, as with containerd", async () => {
    await using tested = await rig();
    const { registry, mirror, home } = tested;
    const folder = join(home, "certs.d", registry.address);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "hosts.toml"), `[host."http://${mirror.address}"]\n`);
    expect((await tested.pull()).code).toBe(0);
    expect(registry.asked).toEqual([]);
  });

  it("is not asked for tags where the settings say never", async () => {
    await using tested = await rig();
    const { registry, mirror } = tested;
    await tested.toml(`[registry."${registry.address}"]
mirror-tags = "never"
[[registry."${registry.address}".mirror]]
url = "http://${mirror.address}"
capabilities = ["pull", "resolve"]
`);
    expect((await tested.pull()).code).toBe(0);
    expect(registry.asked).toEqual(["HEAD /v2/app/manifests/1"]);
  });

  it("that is passed over is named with --verbose, and not without", async () => {
    for (const verbose of [[], ["--verbose"]]) {
      await using tested = await rig();
      const { registry, mirror } = tested;
      await tested.toml(`[[registry."${registry.address}".mirror]]
url = "http://${mirror.address}"
`);
      mirror.on(/./, reset, 100);
      const { code, stderr } = await tested.pull(...verbose);
      expect(code).toBe(0);
      const line = `mirror http://${mirror.address} passed over: ${mirror.address}: the connection was reset; left alone for 30 s`;
      expect(stderr.includes(line)).toBe(verbose.length > 0);
    }
  });
});

describe("what a registry wants people to know", () => {
  it("is shown once, and nothing is done about it", async () => {
    await using tested = await rig();
    const warning = '299 - "this registry moves \u009b31m to example.org"';
    tested.registry.on(/./, withHeaders({ warning }), 100);
    const { code, stderr } = await tested.pull();
    expect(code).toBe(0);
    expect(stderr.match(/this registry moves/g)).toHaveLength(1);
    expect(stderr).not.toContain("\u009b31m");
  });
});
