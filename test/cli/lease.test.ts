import { join } from "node:path";
import { expect, it } from "vitest";
import { openStore } from "../../src/store/local-store.ts";
import { createRegistry, randomImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

it("lists leases and ends them", async () => {
  await using registry = await createRegistry();
  const home = await temporaryFolder();
  const root = join(home, "store");
  const { descriptor } = randomImage(registry.content, { seed: 1 });
  registry.content.tag("app:1", descriptor);
  await using session = await open({ root });
  await session.pull(`${registry.address}/app:1`, { lease: false });
  await using store = await openStore({ root });
  const bundle = await store.leaseFor({
    purpose: { kind: "bundle", path: home },
    roots: [descriptor],
  });
  const overlay = await store.leaseFor({ purpose: { kind: "overlay" }, roots: [descriptor] });

  const table = await lading(["lease", "ls"], { home });
  const short = descriptor.digest.slice(7, 19);
  expect(table.stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
    ["ID", "FOR", "DIGEST", "AGE", "TARGET"],
    [bundle.id, `bundle ${home}`, short, "just now", "there"],
    [overlay.id, "overlay", short, "just now"],
    [""],
  ]);
  const document = JSON.parse((await lading(["lease", "ls", "--json"], { home })).stdout);
  expect(document.leases).toMatchObject([
    { id: bundle.id, kind: "bundle", path: home, exists: true, digests: [descriptor.digest] },
    { id: overlay.id, kind: "overlay", path: null, exists: null, expires: null },
  ]);

  const removed = await lading(["lease", "rm", "000000000000", overlay.id], { home });
  expect(removed.code).toBe(3);
  expect(removed.stdout).toBe(`${overlay.id}\n`);
  expect(removed.stderr).toContain("lading lease ls");
  expect((await session.leases()).map(({ id }) => id)).toEqual([bundle.id]);
});
