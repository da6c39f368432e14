import { type Clock, systemClock } from "../../src/clock.ts";
import type { LadingEvent } from "../../src/content/events.ts";
import { type MadeImage, randomImage } from "../../src/testkit/index.ts";
import { type Lading, open } from "../../src/verbs/open.ts";
import type { OpenOptions } from "../../src/verbs/session.ts";
import { mirrored, type TestMirror } from "../registry/mirrored.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";

export interface MirrorRig extends AsyncDisposable {
  readonly registry: ScriptedRegistry;
  /** In the order in which they are asked; good until they are told otherwise. */
  readonly mirrors: readonly ScriptedRegistry[];
  readonly image: MadeImage;
  readonly reference: string;
  readonly lading: Lading;
  readonly events: LadingEvent[];
  readonly slept: number[];
  /** Time passes for lading: the rests of mirrors, not the sockets. */
  later(ms: number): void;
  pull(reference?: string): ReturnType<Lading["pull"]>;
  /** What was told of mirrors that were passed over. */
  passedOver(): readonly { mirror: string; reason: string; restMs?: number }[];
}

export interface MirrorRigOptions extends OpenOptions {
  readonly mirrors?: readonly Partial<TestMirror>[];
  readonly layers?: number;
  readonly layerSize?: number;
}

/** A registry with one image, and mirrors before it that have the same. */
export async function mirrorRig(options: MirrorRigOptions = {}): Promise<MirrorRig> {
  const { mirrors: asked = [{}], layers = 1, layerSize = 300_000, ...more } = options;
  const registry = await ScriptedRegistry.start();
  const image = filled(registry, layers, layerSize);
  const mirrors: ScriptedRegistry[] = [];
  const settings: TestMirror[] = [];
  for (const mirror of asked) {
    const scripted = await ScriptedRegistry.start();
    filled(scripted, layers, layerSize);
    mirrors.push(scripted);
    settings.push({ at: scripted.address, ...mirror });
  }
  const slept: number[] = [];
  let ahead = 0;
  const later = (ms: number): void => {
    ahead += ms;
  };
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    async sleep(ms) {
      slept.push(ms);
      later(ms);
    },
  };
  const lading = await open({
    root: await temporaryFolder(),
    clock,
    settings: mirrored(registry.address, settings),
    ...more,
  });
  const events: LadingEvent[] = [];
  const reference = `${registry.address}/app:1`;
  return {
    registry,
    mirrors,
    image,
    reference,
    lading,
    events,
    slept,
    later,
    pull: (of = reference) => lading.pull(of, { onEvent: (event) => events.push(event) }),
    passedOver: () =>
      events.flatMap((event) => {
        if (event.type !== "mirror") return [];
        const { type: _, registry: __, ...told } = event;
        return [told];
      }),
    async [Symbol.asyncDispose]() {
      await lading.close();
      for (const server of [registry, ...mirrors]) await server[Symbol.asyncDispose]();
    },
  };
}

function filled({ content }: ScriptedRegistry, layers: number, fileSize: number): MadeImage {
  const image = randomImage(content, {
    seed: 1,
    layers,
    files: 1,
    fileSize,
    compression: ["none"],
  });
  content.tag("app:1", image.descriptor);
  return image;
}
