import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../src/store/local-store.ts";
import { createRegistry, randomImage } from "../../src/testkit/index.ts";
import { open } from "../../src/verbs/open.ts";
import { lading } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";
import { full, seed } from "./tier.ts";

const PULLS = full ? 200 : 20;

describe(`collection while ${PULLS} images are pulled (seed ${seed})`, () => {
  it("frees what has no name, and nothing else", async () => {
    await using registry = await createRegistry();
    const home = await temporaryFolder();
    const root = join(home, "store");
    let pulling = true;
    const collecting = (async () => {
      const codes = new Set<number | null>();
      while (pulling) codes.add((await lading(["store", "gc"], { home })).code);
      return codes;
    })();
    const session = await open({ root });
    for (let index = 0; index < PULLS; index += 1) {
      // Images of one tag, each with layers of the one before: what moved away is rubbish at once.
      const shape = { layers: 3, files: 1, fileSize: 20_000, repeatLayer: index % 2 === 0 };
      const { descriptor } = randomImage(registry.content, { seed: seed + index, ...shape });
      registry.content.tag(index % 3 === 0 ? "app:moving" : `app:${index}`, descriptor);
      const name = index % 3 === 0 ? "moving" : `${index}`;
      const pulled = await session.pull(`${registry.address}/app:${name}`, { lease: false });
      expect(pulled.digest).toBe(descriptor.digest);
    }
    await session.close();
    pulling = false;
    expect(await collecting).toEqual(new Set([0]));

    const verified = await lading(["store", "verify", "--json"], { home });
    expect(verified.code, verified.stderr).toBe(0);
    await using store = await openStore({ root });
    const tags = Array.from({ length: PULLS }, (_, index) =>
      index % 3 === 0 ? "moving" : `${index}`,
    );
    const names = new Set(tags.map((tag) => `${registry.address}/app:${tag}`));
    const images = (await store.images()).filter(({ reference }) => reference !== undefined);
    expect(new Set(images.map(({ reference }) => reference))).toEqual(names);
    expect(images.every(({ manifests }) => manifests.length === 1)).toBe(true);
    await store.collect();
    expect((await store.collect()).blobs).toEqual([]);
  }, 240_000);
});
