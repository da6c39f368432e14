import { open, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addImage, createRegistry, MadeContent } from "../../src/testkit/index.ts";
import { start } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";
import { peakMemory } from "./memory.ts";
import { full } from "./tier.ts";
import { tell } from "./unpack-figures.ts";
import { largeFile } from "./unpack-large-file.ts";
import { addGzipped, manyFiles } from "./unpack-many-files.ts";
import { serveMade } from "./unpack-served.ts";

const MIB = 2 ** 20;
const BLOCKS = full ? 10 * 1024 : 512;
const ENTRIES = full ? 1_000_000 : 50_000;
const MOST_MEMORY = 200e6;
const TIMEOUT = 1_800_000;

describe("unpacking in 200 MB of memory", () => {
  it(
    `a file of ${BLOCKS} MiB`,
    async () => {
      const disk = await statfs(tmpdir());
      if (disk.bavail * disk.bsize < BLOCKS * MIB * 1.6) throw new Error("no room for it");
      const layer = largeFile("large", BLOCKS);
      await using server = await serveMade(new MadeContent(), layer);
      const home = await temporaryFolder();
      const { result, peak } = await unpacked(home, `${server.address}/large:1`);
      expect(result.transferred).toBeGreaterThan(layer.descriptor.size);
      expect((await stat(join(result.path, "large"))).size).toBe(BLOCKS * MIB);
      await using file = await open(join(result.path, "large"));
      const { buffer } = await file.read(Buffer.alloc(8), 0, 8, (BLOCKS - 1) * MIB);
      expect(buffer.readDoubleBE()).toBe(BLOCKS - 1);
      expect(peak).toBeLessThan(MOST_MEMORY);
    },
    TIMEOUT,
  );

  it.each([
    ["a hundred in a directory", 100],
    ["ten in a directory", 10],
    ["all in one directory", ENTRIES],
  ])(
    `${ENTRIES} entries, %s`,
    async (_, perFolder) => {
      await using registry = await createRegistry();
      const layer = await addGzipped(registry.content, manyFiles(ENTRIES, perFolder));
      const above = await addGzipped(registry.content, manyFiles(ENTRIES / 10, perFolder));
      registry.content.tag("many:1", addImage(registry.content, [layer, above]).descriptor);
      const home = await temporaryFolder();
      const { peak } = await unpacked(home, `${registry.address}/many:1`);
      expect(peak).toBeLessThan(MOST_MEMORY);
      // Here, where there is time for it.
      await rm(home, { recursive: true });
    },
    TIMEOUT,
  );
});

async function unpacked(
  home: string,
  reference: string,
): Promise<{ readonly result: Unpacked; readonly peak: number }> {
  const target = join(home, "target");
  const started = performance.now();
  const running = start(["unpack", "--json", reference, target], { home });
  const peak = peakMemory(running.child.pid ?? 0);
  const { code, stdout, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  const seconds = (performance.now() - started) / 1000;
  tell(`peak ${Math.round(peak() / 1e6)} MB, ${seconds.toFixed(1)} s`);
  return { result: JSON.parse(stdout), peak: peak() };
}

interface Unpacked {
  readonly path: string;
  readonly transferred: number;
}
