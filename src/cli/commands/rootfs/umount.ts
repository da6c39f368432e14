import type { CommandDefinition } from "../../command.ts";

export const umount: CommandDefinition = {
  description: `Undoes a mount: unmounts it, removes what was written to it, and ends the lease that kept its
layers. One that is gone already (unmounted by hand, or since another start of the machine) is tidied
up after.`,
  arguments: [{ name: "<directory>", description: "where the image is mounted" }],
  options: [{ flags: "--keep", description: "keep what was written, and say where it is" }],
  examples: [
    { command: "lading umount /mnt/alpine", explains: "as root" },
    { command: "lading umount --keep /mnt/alpine", explains: "prints where the changes are" },
  ],
  doing: ([directory]) => `unmount ${directory}`,
  async run(invocation) {
    const { args, options, settings, output, signal } = invocation;
    const onEvent = await invocation.watch("other");
    const lading = await invocation.open();
    const keep = options.keep === true;
    const result = await lading.umount(args[0] ?? "", { keep, signal, onEvent });
    invocation.endWatch();
    if (settings.json) {
      await output.json({ ...result, upper: result.upper ?? null });
      return;
    }
    const { reference, path, wasMounted, upper } = result;
    const tidied = wasMounted ? "" : " (it was gone already)";
    invocation.note(`${reference}: no longer mounted on ${path}${tidied}`);
    if (upper !== undefined) await output.line(upper);
  },
};
