import type { CommandDefinition } from "../../command.ts";
import { layerOptionDefinitions, readLayerOptions, readLink } from "../../layer-options.ts";
import { text } from "../../options.ts";
import { parsePlace, policyOf } from "../../place.ts";
import { linkOption, summary } from "./unpack.ts";

export const bundle: CommandDefinition = {
  description: `Makes an OCI runtime bundle: a directory with the image's root filesystem in rootfs and a
config.json made of its config, which runc or crun start. The image's user is looked up in its own
passwd. Words after -- are run instead of the image's command.`,
  arguments: [
    { name: "<reference>", description: "an image, by tag or digest" },
    { name: "<directory>", description: "where the bundle is to be" },
    {
      name: "[command...]",
      description: "what to run instead of the image's entrypoint and command",
    },
  ],
  options: [
    {
      flags: "--rootless",
      description: "to be started by you, without root: one id, the host's network",
    },
    {
      flags: "--user <user>",
      description: "uid, name, uid:gid or name:group (default: the image's)",
    },
    { flags: "--terminal", description: "the command runs on a terminal" },
    { flags: "--hostname <name>", description: "what the container is called (default: lading)" },
    { flags: "--force", description: "lay the image over what the directory holds already" },
    linkOption,
    ...layerOptionDefinitions,
  ],
  shared: ["platform", "policy", "concurrency"],
  examples: [
    { command: "lading bundle alpine:3.20 box", explains: "then: runc run --bundle box NAME" },
    { command: "lading bundle --rootless alpine box", explains: "for runc without root" },
    { command: "lading bundle alpine box -- ls -l /", explains: "with another command" },
  ],
  resumes: true,
  doing: ([reference, directory]) => `make a bundle of ${reference} in ${directory}`,
  async run(invocation) {
    const { args, options, settings, output, signal } = invocation;
    const [reference = "", directory = "", ...command] = args;
    const place = parsePlace(reference);
    const onEvent = await invocation.watch("pull");
    const lading = await invocation.open([place.reference]);
    const result = await lading.bundle(place.reference, directory, {
      ...readLayerOptions(options),
      platform: settings.platform,
      policy: settings.policy ?? policyOf(place),
      concurrency: settings.concurrency,
      force: options.force === true,
      link: readLink(options),
      rootless: options.rootless === true,
      user: text(options, "user"),
      args: command.length > 0 ? command : undefined,
      terminal: options.terminal === true,
      hostname: text(options, "hostname"),
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
