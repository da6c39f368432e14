import { LadingError } from "../../../errors.ts";
import type { UnpackResult } from "../../../verbs/unpack/unpack.ts";
import type { CommandDefinition } from "../../command.ts";
import { layerOptionDefinitions, readLayerOptions, readLink } from "../../layer-options.ts";
import type { OptionDefinition } from "../../options.ts";
import { parsePlace, policyOf } from "../../place.ts";
import { formatBytes, formatCount, formatDuration } from "../../print/format.ts";

/** How files that the store has unpacked come to a place of their own. */
export const linkOption: OptionDefinition = {
  flags: "--link <how>",
  description: "share files of layers that the store has unpacked (default: auto)",
  choices: ["auto", "copy", "reflink", "hardlink"],
};

export const unpack: CommandDefinition = {
  description: `Makes a directory that holds exactly what an image's layers come to. Looks in the local store
first, then in the registry; layers are written while they arrive. The directory appears when it is
whole; an existing one that is not empty needs --force. With --overlay the layers stay in the store,
and what is printed are the directories that overlayfs merges into the same, top first; a lease keeps
them (lading lease rm).`,
  arguments: [
    { name: "<reference>", description: "an image, by tag or digest" },
    { name: "[directory]", description: "where the root filesystem is to be" },
  ],
  options: [
    { flags: "--force", description: "lay the image over what the directory holds already" },
    { flags: "--overlay", description: "print the directories of an overlay stack instead" },
    linkOption,
    ...layerOptionDefinitions,
  ],
  shared: ["platform", "policy", "concurrency"],
  examples: [
    { command: "lading unpack alpine:3.20 rootfs", explains: "every file as the image has it" },
    {
      command: "lading unpack --ownership override-stat alpine rootfs",
      explains: "yours on disk, owners in an attribute that libkrun reads",
    },
    { command: "lading unpack --force alpine /mnt/disk", explains: "over what is there" },
    { command: "lading unpack --overlay alpine", explains: "one lowerdir a line, top first" },
  ],
  resumes: true,
  doing: ([reference, directory]) =>
    directory === undefined ? `unpack ${reference}` : `unpack ${reference} to ${directory}`,
  async run(invocation) {
    const { args, options, settings, output, signal } = invocation;
    if (options.overlay === true) {
      const { printOverlayStack } = await import("./overlay-stack.ts");
      await printOverlayStack(invocation);
      return;
    }
    const [text = "", directory] = args;
    if (directory === undefined) {
      throw new LadingError(
        "usage",
        "name a directory to unpack to, or print a stack with --overlay",
      );
    }
    const place = parsePlace(text);
    const onEvent = await invocation.watch("pull");
    const lading = await invocation.open([place.reference]);
    const result = await lading.unpack(place.reference, directory, {
      ...readLayerOptions(options),
      platform: settings.platform,
      policy: settings.policy ?? policyOf(place),
      concurrency: settings.concurrency,
      force: options.force === true,
      link: readLink(options),
      signal,
      onEvent,
    });
    invocation.endWatch();
    if (settings.progress !== "json") invocation.note(summary(result));
    if (settings.json) {
      const { unpackDocument } = await import("../../print/documents.ts");
      await output.json(unpackDocument(result));
    } else await output.line(result.path);
  },
};

/** One line for people: what it came to. */
export function summary({ reference, layers, entries, transferred, ms }: UnpackResult): string {
  const what = entries > 0 ? `, ${entries} entries` : "";
  const came = transferred > 0 ? `, ${formatBytes(transferred)} fetched` : "";
  const parts = `${formatCount(layers, "layer")}${what} unpacked${came}`;
  return `${reference}: ${parts} (${formatDuration(ms)})`;
}
