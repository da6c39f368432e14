import { constants } from "node:os";
import { LadingError } from "../../../errors.ts";
import type { CommandDefinition, Invocation } from "../../command.ts";
import { layerOptionDefinitions } from "../../layer-options.ts";
import { parsePlace } from "../../place.ts";
import { mountDocument } from "../../print/documents.ts";
import { formatDuration } from "../../print/format.ts";
import { stackOptions } from "./overlay-stack.ts";

export const mount: CommandDefinition = {
  description: `Mounts an image's root filesystem on an empty directory, as root: its layers, unpacked into the
store and shared between images, merged by overlayfs. With -- and a command instead of the directory
runs that command, which alone sees the mount, as its working directory and in LADING_ROOTFS; this
needs no root where user namespaces are allowed. Its exit code is the command's.`,
  arguments: [
    { name: "<reference>", description: "an image, by tag or digest" },
    { name: "[directory]", description: "an empty one, or one that is not there" },
    { name: "[command...]", description: "behind --, instead of a directory: what to run" },
  ],
  options: [
    { flags: "--rw", description: "may be written to; what is written goes with the mount" },
    ...layerOptionDefinitions,
  ],
  shared: ["platform", "policy", "concurrency"],
  examples: [
    { command: "lading mount alpine:3.20 /mnt/alpine", explains: "read-only, as root" },
    { command: "lading mount --rw alpine /mnt/alpine", explains: "to be written to" },
    { command: "lading umount /mnt/alpine", explains: "and undone" },
    { command: "lading mount alpine -- ls etc", explains: "without root" },
    {
      command: "lading mount alpine -- sh -c 'du -sh \"$LADING_ROOTFS\"'",
      explains: "where it is",
    },
  ],
  resumes: true,
  doing: ([reference]) => `mount ${reference}`,
  async run(invocation) {
    const { args, behindDashes } = invocation;
    if (behindDashes !== undefined) {
      if (args.length - behindDashes.length !== 1 || behindDashes.length === 0) throw usage();
      await runCommand(invocation, behindDashes);
      return;
    }
    const [, directory, ...rest] = args;
    if (directory === undefined || rest.length > 0) throw usage();
    await mountOn(invocation, directory);
  },
};

async function mountOn(invocation: Invocation, directory: string): Promise<void> {
  const { args, options, settings, output } = invocation;
  const { reference } = parsePlace(args[0] ?? "");
  const onEvent = await invocation.watch("pull");
  const lading = await invocation.open([reference]);
  const rw = options.rw === true;
  const result = await lading.mount(reference, directory, {
    ...stackOptions(invocation),
    rw,
    onEvent,
  });
  invocation.endWatch();
  if (settings.json) {
    await output.json(mountDocument(result));
    return;
  }
  const how = rw ? "writable" : "read-only";
  invocation.note(`${result.reference}: mounted ${how} (${formatDuration(result.ms)})`);
  await output.line(result.path);
}

async function runCommand(invocation: Invocation, command: readonly string[]): Promise<void> {
  const { reference } = parsePlace(invocation.args[0] ?? "");
  const onEvent = await invocation.watch("pull");
  const lading = await invocation.open([reference]);
  const { code, signal } = await lading.runMounted(reference, command, {
    ...stackOptions(invocation),
    rw: invocation.options.rw === true,
    onEvent,
    onStart(kill) {
      invocation.endWatch();
      invocation.passSignals(kill);
    },
  });
  // By the shells' convention.
  invocation.exitWith(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
}

function usage(): LadingError {
  return new LadingError("usage", "name a directory to mount on, or a command behind --");
}
