import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { randomImage } from "../../../src/testkit/index.ts";
import { open } from "../../../src/verbs/open.ts";
import { ScriptedRegistry } from "../../registry/scripted-registry.ts";
import { temporaryFolder } from "../../temporary.ts";

it("open() with a settings file asks where it says; with config: false nothing is read", async () => {
  await using registry = await ScriptedRegistry.start();
  const { descriptor } = randomImage(registry.content, { seed: 1 });
  registry.content.tag("app:1", descriptor);
  const folder = await temporaryFolder();
  await mkdir(join(folder, "root"));
  const config = join(folder, "lading.toml");
  await writeFile(config, `[registry."moved.example"]\nserver = "http://${registry.address}"\n`);
  const asked: string[] = [];
  const lookup = async (host: string) => {
    asked.push(host);
    throw Object.assign(new Error("no such host"), { code: "ENOTFOUND" });
  };
  await using files = await open({ root: join(folder, "root"), config, transport: { lookup } });
  expect((await files.pull("moved.example/app:1")).digest).toBe(descriptor.digest);
  expect(asked).toEqual([]);
  await using none = await open({
    root: join(folder, "root"),
    config: false,
    transport: { lookup },
  });
  await expect(none.pull("moved.example/app:1")).rejects.toMatchObject({ code: "network" });
  expect(asked).toContain("moved.example");
});
