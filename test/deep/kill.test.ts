import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, serve } from "../../src/server/index.ts";
import { readJournal } from "../../src/store/blobs/journal.ts";
import { openStore } from "../../src/store/local-store.ts";
import {
  MadeContent,
  type MadeImage,
  randomImage,
  validateImage,
} from "../../src/testkit/index.ts";
import { Random } from "../../src/testkit/random.ts";
import { lading, type Running, start } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";
import { full, seed } from "./tier.ts";
import { WatchedStore } from "./watched-store.ts";

const KILLS = full ? 20 : 5;

describe(`a pull that is killed at ${KILLS} random moments (seed ${seed})`, () => {
  const content = new MadeContent();
  const shape = { seed, files: 1, compression: ["none"] } as const;
  const image = randomImage(content, { ...shape, layers: 4, fileSize: 20_000_000 });
  content.tag("app:1", image.descriptor);
  const sent = new Sent();
  let registry: RunningServer;

  beforeAll(async () => {
    registry = await serve({
      manifest: (repository, name) => content.manifest(repository, name),
      blob: (repository, digest) => content.blob(repository, digest),
      tags: (repository) => content.tags(repository),
      async open(descriptor, range) {
        const opened = await content.open(descriptor, range);
        return { ...opened, read: (sink) => opened.read((bytes) => sent.add(bytes, sink)) };
      },
    });
  });
  afterAll(() => registry.close());

  const random = new Random(seed);
  const moments = Array.from({ length: KILLS }, (_, index) =>
    // Most while bytes arrive, some while their arrival is being made known.
    index % 5 === 4
      ? { unit: "line", at: 2 + random.below(REPORTED) }
      : { unit: "byte", at: random.below(total(image)) },
  );

  it.each(moments)(
    "at $unit $at: the next one completes it",
    async ({ unit, at }) => {
      const home = await temporaryFolder();
      const watched = new WatchedStore(join(home, "store"));
      const watching = watched.watch();
      const reference = `${registry.address}/app:1`;

      const sentEnough = sent.more(at);
      const running = start(["pull", "--progress", "json", reference], { home });
      await Promise.race([unit === "byte" ? sentEnough : reported(running, at), running.ended]);
      running.child.kill("SIGKILL");
      await running.ended;

      const held = await whatIsHeld(watched);
      const second = await lading(["pull", "--json", reference], { home });
      watched.stop();
      expect(await watching).toBeGreaterThan(1);
      await watched.look();

      expect(second.code, second.stderr).toBe(0);
      const { transferred } = JSON.parse(second.stdout).pulled[0];
      expect(transferred).toBeLessThanOrEqual(total(image) - held);
      await using store = await openStore({ root: watched.root });
      expect((await validateImage(store, image.descriptor)).images).toBe(1);
      expect(await readdir(join(watched.root, "ingest"))).toEqual([]);
    },
    120_000,
  );
});

/** Counts what a registry sends. */
class Sent {
  #bytes = 0;
  #waiting: { readonly at: number; readonly reached: () => void }[] = [];

  /** Resolves when so many more bytes have been sent. */
  more(bytes: number): Promise<void> {
    return new Promise((reached) => this.#waiting.push({ at: this.#bytes + bytes, reached }));
  }

  async add(bytes: Uint8Array, sink: (bytes: Uint8Array) => unknown): Promise<void> {
    await sink(bytes);
    this.#bytes += bytes.length;
    for (const { at, reached } of this.#waiting) if (at <= this.#bytes) reached();
  }
}

/** About as many lines as an undisturbed pull of the image reports. */
const REPORTED = 30;

function reported(running: Running, lines: number): Promise<void> {
  return new Promise((resolve) => {
    running.child.stderr?.on("data", () => {
      if (running.stderr.split("\n").length > lines) resolve();
    });
  });
}

/** Bytes that a killed pull left in a form which the next one must not fetch again. */
async function whatIsHeld(watched: WatchedStore): Promise<number> {
  const { root } = watched;
  let held = 0;
  for (const hex of await watched.blobs()) {
    held += (await stat(join(root, "blobs", "sha256", hex))).size;
  }
  const ingests = join(root, "ingest");
  for (const name of await readdir(ingests).catch(() => [])) {
    if (name.endsWith(".journal")) continue;
    const { size } = await stat(join(ingests, name));
    const spans = await readJournal(join(ingests, `${name}.journal`), size);
    held += spans.reduce((sum, { start, end }) => sum + end - start, 0);
  }
  return held;
}

function total({ descriptor, config, layers }: MadeImage): number {
  return [descriptor, config, ...layers].reduce((sum, { size }) => sum + size, 0);
}
