import { expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

it("lading doctor says what failed and what to do, last of the way there, with that exit code", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  const home = await temporaryFolder();
  const good = await lading(["doctor", `${registry.address}/app:1`], { home });
  expect([good.code, good.stderr]).toEqual([0, ""]);
  const lines = good.stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(13);
  for (const line of lines) expect(line).toMatch(/^(ok|skipped) +[a-z]+( limit)? +[^ ]/);
  expect(good.stdout).toMatch(/manifest +sha256:[0-9a-f]{12}…, linux/);
  const bad = await lading(["doctor", `${registry.address}/app:none`], { home });
  expect([bad.code, bad.stderr]).toEqual([3, ""]);
  expect(bad.stdout).toMatch(
    /^failed {3}manifest .*answered 404.*\n {22}check the name and the tag/m,
  );
  expect(bad.stdout).not.toMatch(/^[a-z-]+ +ranges/m);
  const json = await lading(["doctor", "--json", `${registry.address}/app:none`], { home });
  expect(json.code).toBe(3);
  const report = JSON.parse(json.stdout);
  expect(report).toMatchObject({
    ok: false,
    error: { code: "not-found", hint: expect.any(String) },
  });
  expect(
    report.steps.filter(({ state }: { state: string }) => state === "not-reached"),
  ).toHaveLength(2);
});

it("a hint of lading doctor stands below what is wrong, however wide the columns are", async () => {
  await using registry = await ScriptedRegistry.start();
  const home = await temporaryFolder();
  const { stdout } = await lading(["doctor", "--json", `${registry.address}/app:1`], { home });
  const { steps } = JSON.parse(stdout);
  const [{ hint }] = steps.filter(({ state }: { state: string }) => state === "failed");
  const people = await lading(["doctor", `${registry.address}/app:1`], { home });
  const lines = people.stdout.split("\n");
  const at = lines.findIndex((line) => line.startsWith("failed"));
  expect(lines[at + 1]?.indexOf(hint)).toBe(lines[at]?.indexOf("fetching"));
});

it("lading doctor --verbose prints each request", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  const home = await temporaryFolder();
  const { code, stderr } = await lading(["doctor", "-v", `${registry.address}/app:1`], { home });
  expect(code).toBe(0);
  const told = stderr.split("\n").flatMap((line) => {
    const [, method, path] = /^([A-Z]+) http:\/\/[^/]+(\/\S*) [0-9]{3}, /.exec(line) ?? [];
    return method === undefined ? [] : [`${method} ${path?.replace(/…$/, "")}`];
  });
  const asked = registry.asked.map((line) => line.replace(/(sha256:[0-9a-f]{12}).*/, "$1"));
  expect(told.sort()).toEqual([...asked].sort());
});
