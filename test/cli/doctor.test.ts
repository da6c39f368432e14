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
  const bad = await lading(["doctor", `${registry.address}/app:none`], { home });
  expect([bad.code, bad.stderr]).toEqual([3, ""]);
  expect(bad.stdout).toMatch(
    /^failed {3}manifest .*answered 404.*\n {9}check the name and the tag/m,
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
