import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../src/store/local-store.ts";
import { type MadeImage, randomImage, validateImage } from "../../src/testkit/index.ts";
import { createAuthority } from "../registry/certificates.ts";
import { temporaryFolder } from "../temporary.ts";
import { pullMany } from "./chaos/pull-many.ts";
import { ChaosRegistry } from "./chaos/registry.ts";
import { full, seed } from "./tier.ts";

const PULLS = full ? 1000 : 150;
const PARALLEL = full ? 50 : 20;
const RATE = 0.15;
const MB = 1_000_000;

/** The request again, where it had been redirected both of them, and the token that it needs. */
const FOR_A_FAULT = 3;

const ME = { username: "me", password: "a very secret password" };
const USERS = { [ME.username]: ME.password };

/** Half of the images are in a registry that speaks TLS, half in one that does not. */
async function registries(rate: number): Promise<{
  readonly plain: ChaosRegistry;
  readonly secure: ChaosRegistry;
  readonly ca: string;
}> {
  const authority = createAuthority();
  const plain = await ChaosRegistry.start({ seed, rate, users: USERS });
  const tls = authority.issue();
  const secure = await ChaosRegistry.start({ seed: seed + 1, rate, users: USERS, tls });
  return { plain, secure, ca: authority.cert };
}

function fill(
  registry: ChaosRegistry,
  count: number,
  from: number,
): readonly [string, MadeImage][] {
  return Array.from({ length: count }, (_, index) => {
    const made = randomImage(registry.content, { seed: from + index, fileSize: 500, files: 2 });
    registry.content.tag(`team/app${index % 10}:${index}`, made.descriptor);
    return [`${registry.front.address}/team/app${index % 10}:${index}`, made];
  });
}

async function pullAll(rate: number, count: number) {
  const { plain, secure, ca } = await registries(rate);
  await using _plain = plain;
  await using _secure = secure;
  const half = Math.ceil(count / 2);
  const images = [...fill(plain, half, 0), ...fill(secure, count - half, 1_000_000)];
  const root = join(await temporaryFolder(), "store");
  const users = { [plain.front.address]: ME, [secure.front.address]: ME };
  const references = images
    .map(([reference]) => reference)
    .sort((a, b) => a.slice(a.lastIndexOf(":")).localeCompare(b.slice(b.lastIndexOf(":"))));
  const every = Math.ceil(count / 10);
  const pulled = await pullMany({ root, references, parallel: PARALLEL, every, users, ca });
  await using store = await openStore({ root });
  let verified = 0;
  for (const [, { descriptor }] of images) {
    verified += (await validateImage(store, descriptor)).images;
  }
  return { plain, secure, pulled, verified, requests: plain.requests + secure.requests };
}

describe(`${PULLS} pulls, ${PARALLEL} at a time, where ${100 * RATE} % of all requests fail (seed ${seed})`, () => {
  it(
    "complete, verified, without a credential or a descriptor too many, and with at most three requests more for each fault",
    async () => {
      const ideal = await pullAll(0, PULLS);
      expect(ideal.pulled.failures).toEqual([]);
      const { plain, secure, pulled, verified, requests } = await pullAll(RATE, PULLS);
      const faults = plain.faults + secure.faults;
      const figures = JSON.stringify({ requests, ideal: ideal.requests, faults, ...pulled });
      process.stdout.write(`${figures.slice(0, 2000)}\n`);
      expect(pulled.failures).toEqual([]);
      expect(pulled.warnings).toEqual([]);
      expect(verified).toBe(PULLS);
      expect(faults).toBeGreaterThan(PULLS / 2);
      expect(requests).toBeLessThanOrEqual(ideal.requests + FOR_A_FAULT * faults);

      for (const { front, storage } of [plain, secure]) {
        // A storage never hears who asks, the registry never the password, the token server nothing else.
        for (const { headers } of storage.received) {
          expect(headers).not.toHaveProperty("authorization");
          expect(headers).not.toHaveProperty("cookie");
        }
        for (const { path, headers } of front.received) {
          const scheme = headers.authorization?.split(" ")[0];
          const allowed = path.startsWith("/token") ? ["Basic"] : ["Bearer", undefined];
          expect(allowed, path).toContain(scheme);
        }
      }

      const [before, after] = pulled.descriptors;
      expect(after).toBe(before);
      const [early, late] = [pulled.memory[1], pulled.memory.at(-1)];
      expect((late?.heap ?? 0) - (early?.heap ?? 0)).toBeLessThan(10 * MB);
      expect((late?.resident ?? 0) - (early?.resident ?? 0)).toBeLessThan(60 * MB);
    },
    full ? 900_000 : 180_000,
  );
});
