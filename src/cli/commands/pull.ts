import pLimit from "p-limit";
import type { EventListener } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import type { PullOptions, PullResult } from "../../verbs/pull.ts";
import type { CommandDefinition, Invocation } from "../command.ts";
import { exitCodeOf } from "../exit-code.ts";
import { layerOptionDefinitions, readLayerOptions, refuseLayerOptions } from "../layer-options.ts";
import type { OptionValues } from "../options.ts";
import { registryOf, registryReference } from "../place.ts";
import { formatBytes, formatCount, formatDuration } from "../print/format.ts";

/** Images at one time; they share the downloads at one time. */
const SIDE_BY_SIDE = 3;

export const pull: CommandDefinition = {
  description: `Brings images from their registries into the local store. Every byte is verified; a pull that
was interrupted goes on where it stopped; what is in the store is not fetched again. Prints
each reference with the digest that it resolved to. With --unpack layers are written out as files
while they arrive, in the store, where all images that have them share them.`,
  arguments: [{ name: "<references...>", description: "images, by tag or digest" }],
  options: [
    {
      flags: "--foreign-layers",
      description: "fetch layers that may not be distributed from where they say",
    },
    { flags: "--unpack", description: "unpack the layers into the store while they arrive" },
    {
      flags: "--discard-blobs",
      description: "with --unpack: give up each layer's compressed form once it is unpacked",
    },
    ...layerOptionDefinitions,
  ],
  shared: ["platform", "allPlatforms", "policy", "concurrency"],
  examples: [
    { command: "lading pull alpine:3.20", explains: "for this machine's platform" },
    { command: "lading pull alpine debian:12", explains: "several at once" },
    { command: "lading pull --platform linux/arm64 alpine", explains: "for another platform" },
    { command: "lading pull --all-platforms alpine", explains: "for every platform" },
    { command: "lading pull --policy missing alpine", explains: "no request if it is there" },
    { command: "lading pull --unpack alpine", explains: "ready to be mounted" },
    {
      command: "lading pull --plain-http reg.lan:5000/app",
      explains: "from a registry without TLS",
    },
  ],
  resumes: true,
  doing: (args) => `pull ${args.join(", ")}`,
  async run(invocation) {
    const references = invocation.args.map(registryReference);
    // A word that is no reference is found before anything moves for the others.
    for (const reference of references) registryOf(reference);
    const outcomes = await pullAll(invocation, references, readUnpack(invocation.options));
    invocation.endWatch();
    const pulled = outcomes.flatMap(({ result }) => (result === undefined ? [] : [result]));
    const failed = outcomes.flatMap(({ reference, error }) =>
      error === undefined ? [] : [{ reference, error }],
    );
    const [only, ...others] = failed;
    if (only !== undefined && others.length === 0 && pulled.length === 0) throw only.error;
    for (const { reference, error } of failed) await invocation.fail(error, `pull ${reference}`);
    if (only !== undefined) invocation.exitWith(exitCodeOf(only.error.code));
    await print(invocation, pulled, failed);
  },
};

/** An option that does nothing would mislead. */
function readUnpack(values: OptionValues): Pick<PullOptions, "unpack" | "discardBlobs"> {
  if (values.unpack === true) {
    return { unpack: readLayerOptions(values), discardBlobs: values.discardBlobs === true };
  }
  refuseLayerOptions(values);
  if (values.discardBlobs !== true) return {};
  throw new LadingError("usage", "--discard-blobs has no meaning without --unpack");
}

interface Outcome {
  readonly reference: string;
  readonly result?: PullResult;
  readonly error?: LadingError;
}

/** Smaller pulls are over before it would matter. */
const WORTH_A_LARGER_HEAP = 32_000_000;

/**
 * V8 collects a small heap each time it has grown by a little, and the sockets' buffers count though
 * they live for a moment: a tenth of a large pull. The flag is the process's; with threads that unpack it
 * would cost memory (docs/profile-pull.md).
 */
function lettingHeapGrow(listener: EventListener): EventListener {
  return (event) => {
    listener(event);
    if (event.type !== "planned") return;
    const bytes = event.blobs.reduce((sum, { size }) => sum + size, 0);
    if (bytes < WORTH_A_LARGER_HEAP) return;
    void import("node:v8").then((v8) => v8.setFlagsFromString("--heap-growing-percent=400"));
  };
}

async function pullAll(
  invocation: Invocation,
  references: readonly string[],
  unpack: Pick<PullOptions, "unpack" | "discardBlobs">,
): Promise<readonly Outcome[]> {
  const { settings, options, signal } = invocation;
  const { platform, allPlatforms, policy, concurrency } = settings;
  const shown = await invocation.watch("pull");
  const onEvent = unpack.unpack === undefined ? lettingHeapGrow(shown) : shown;
  const lading = await invocation.open(references);
  const limit = pLimit(SIDE_BY_SIDE);
  return Promise.all(
    references.map((reference) =>
      limit(async () => {
        try {
          const result = await lading.pull(reference, {
            platform,
            allPlatforms,
            policy,
            concurrency,
            foreignLayers: options.foreignLayers === true,
            ...unpack,
            lease: false,
            signal,
            onEvent,
          });
          return { reference, result };
        } catch (error) {
          // An interruption ends all of them, and is not theirs to report.
          if (signal.aborted) throw error;
          const { asLadingError } = await import("../errors.ts");
          return { reference, error: asLadingError(error) };
        }
      }),
    ),
  );
}

async function print(
  { settings, output, note }: Invocation,
  pulled: readonly PullResult[],
  failed: readonly { readonly reference: string; readonly error: LadingError }[],
): Promise<void> {
  if (settings.progress !== "json") for (const result of pulled) note(summary(result));
  if (settings.json) {
    const errors = failed.map(({ reference, error }) => ({ reference, ...error.toJSON() }));
    const failures = errors.length === 0 ? {} : { error: errors[0], failed: errors };
    const { pullDocument } = await import("../print/documents.ts");
    await output.json({ pulled: pulled.map(pullDocument), ...failures });
    return;
  }
  for (const { reference, digest } of pulled) {
    await output.line(reference.endsWith(`@${digest}`) ? reference : `${reference}@${digest}`);
  }
}

/** One line for people: what it came to. */
function summary(result: PullResult): string {
  const { reference, upToDate, transferred, existed, requests, ms, images } = result;
  const cost = `${formatCount(requests, "request")}, ${formatDuration(ms)}`;
  const unpacked = unpackedOf(result);
  if (upToDate) return `${reference}: up to date${unpacked} (${cost})`;
  const layers = new Set(
    images.flatMap((image) => image.layers.map((layer) => layer.descriptor.digest)),
  );
  const here = existed > 0 ? `, ${formatBytes(existed)} were here` : "";
  const parts = `${formatCount(layers.size, "layer")}, ${formatBytes(transferred)} fetched${here}`;
  return `${reference}: ${parts}${unpacked} (${cost})`;
}

function unpackedOf({ unpacked }: PullResult): string {
  if (unpacked === undefined) return "";
  const { layers, existed, entries } = unpacked;
  if (layers === existed) return ", unpacked before";
  const before = existed > 0 ? ` (${existed} before)` : "";
  return `, ${entries} entries of ${formatCount(layers, "layer")} unpacked${before}`;
}
