import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { LadingEvent } from "../../src/content/events.ts";
import { openStore } from "../../src/store/local-store.ts";
import { type MadeImage, randomImage, validateImage } from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import type { OpenOptions } from "../../src/verbs/session.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";

export interface Rig extends AsyncDisposable {
  readonly registry: ScriptedRegistry;
  readonly image: MadeImage;
  readonly reference: string;
  readonly root: string;
  readonly lading: Lading;
  readonly events: LadingEvent[];
  /** Waits that a clock would have made, in milliseconds. */
  readonly slept: number[];
  pull(): ReturnType<Lading["pull"]>;
  /** Whether the image is whole in the store, every byte hashed. */
  whole(): Promise<boolean>;
  blobs(): Promise<readonly string[]>;
}

export const noRetry = { retries: 0, baseMs: 1, capMs: 1, random: () => 0 };

/** A registry with one image of one large layer, and lading with an empty store. */
export async function faultRig(options: OpenOptions = {}): Promise<Rig> {
  const registry = await ScriptedRegistry.start();
  const image = randomImage(registry.content, {
    seed: 1,
    layers: 1,
    files: 1,
    fileSize: 300_000,
    compression: ["none"],
  });
  registry.content.tag("app:1", image.descriptor);
  const slept: number[] = [];
  let ahead = 0;
  const clock: Clock = {
    ...systemClock,
    // Who slept finds that time has passed.
    now: () => systemClock.now() + ahead,
    async sleep(ms) {
      slept.push(ms);
      ahead += ms;
    },
  };
  const root = await temporaryFolder();
  const lading = await open({ root, clock, ...options });
  const reference = `${registry.address}/app:1`;
  const events: LadingEvent[] = [];
  return {
    registry,
    image,
    reference,
    root,
    lading,
    events,
    slept,
    pull: () => lading.pull(reference, { onEvent: (event) => events.push(event) }),
    async whole() {
      await using store = await openStore({ root });
      return (await validateImage(store, image.descriptor)).images === 1;
    },
    blobs: () => readdir(join(root, "blobs", "sha256")),
    async [Symbol.asyncDispose]() {
      await lading.close();
      await registry[Symbol.asyncDispose]();
    },
  };
}

/** The path of the image's one layer, as the start of a request line. */
export function layerOf({ image }: Rig): string {
  return `GET /v2/app/blobs/${image.layers[0]?.digest}`;
}
