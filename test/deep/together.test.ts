import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../src/store/local-store.ts";
import { createRegistry, randomImage, validateImage } from "../../src/testkit/index.ts";
import { type Ran, start } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";
import { full, seed } from "./tier.ts";

const PROCESSES = full ? 8 : 3;
const ROUNDS = full ? 10 : 1;

describe(`${PROCESSES} pulls of one image at one moment (seed ${seed})`, () => {
  it.each(Array.from({ length: ROUNDS }, (_, index) => seed + index))(
    "transfer each blob once (%i)",
    async (seed) => {
      await using registry = await createRegistry();
      const shape = { layers: 6, files: 1, fileSize: 3_000_000, compression: ["none"] } as const;
      const image = randomImage(registry.content, { ...shape, seed, repeatLayer: true });
      registry.content.tag("app:1", image.descriptor);
      const home = await temporaryFolder();
      const args = ["pull", "--json", `${registry.address}/app:1`];
      const ran = await Promise.all(
        Array.from({ length: PROCESSES }, () => start(args, { home }).ended),
      );
      expect(ran.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
        ran.map(({ stderr }) => ({ code: 0, stderr })),
      );
      for (const { digest } of [image.config, ...image.layers]) {
        const asked = registry.requests.filter((line) =>
          line.includes(`GET /v2/app/blobs/${digest}`),
        );
        expect(asked, digest).toHaveLength(1);
      }
      const blobs = new Map([image.config, ...image.layers].map((one) => [one.digest, one.size]));
      const bytes = [...blobs.values()].reduce((sum, size) => sum + size, 0);
      const manifests = ran.length * image.descriptor.size;
      expect(transferred(ran)).toBeLessThanOrEqual(bytes + manifests);
      await using store = await openStore({ root: join(home, "store") });
      expect((await validateImage(store, image.descriptor)).images).toBe(1);
    },
    120_000,
  );
});

function transferred(ran: readonly Ran[]): number {
  return ran.reduce((sum, { stdout }) => sum + JSON.parse(stdout).pulled[0].transferred, 0);
}
