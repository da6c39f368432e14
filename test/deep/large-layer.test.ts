import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { serve } from "../../src/server/index.ts";
import { MadeContent } from "../../src/testkit/index.ts";
import { start } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";
import { endlessLayer, withLargeLayer } from "./large-layer.ts";
import { peakMemory } from "./memory.ts";
import { full } from "./tier.ts";

const GIB = 2 ** 30;
const SIZE = full ? 10 * GIB : GIB / 2;
const MOST_MEMORY = 150 * 2 ** 20;

describe(`a layer of ${SIZE / GIB} GiB`, () => {
  it("is pulled in 150 MiB of memory (origin 4.2, fault 22)", async () => {
    const disk = await statfs(tmpdir());
    if (disk.bavail * disk.bsize < SIZE * 1.1) throw new Error(`${tmpdir()} has no room for it`);
    const layer = await endlessLayer(SIZE);
    const content = new MadeContent();
    content.tag("large:1", withLargeLayer(content, layer));
    await using server = await serve({
      manifest: (repository, name) => content.manifest(repository, name),
      tags: (repository) => content.tags(repository),
      blob: async (repository, digest) =>
        digest === layer.descriptor.digest ? layer.descriptor : content.blob(repository, digest),
      open: async (descriptor, range) =>
        descriptor.digest === layer.descriptor.digest
          ? layer.open(range)
          : content.open(descriptor, range),
    });
    const home = await temporaryFolder();
    const running = start(["pull", "--json", `${server.address}/large:1`], { home });
    const peak = peakMemory(running.child.pid ?? 0);
    const { code, stdout, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).pulled[0].transferred).toBeGreaterThan(SIZE);
    expect(peak()).toBeLessThan(MOST_MEMORY);
  }, 900_000);
});
