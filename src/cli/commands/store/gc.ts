import type { CommandDefinition } from "../../command.ts";
import { collectDocument } from "../../print/documents.ts";
import { formatBytes, formatCount } from "../../print/format.ts";

export const storeGc: CommandDefinition = {
  description: `Frees what neither a name nor a lease needs: blobs and unpacked layers of removed images and of tags
that moved on, and downloads that nobody goes on with. Waits while a pull is under way, and takes nothing of it.`,
  options: [{ flags: "--dry-run", description: "say what would be freed, and free nothing" }],
  examples: [
    { command: "lading store gc --dry-run", explains: "look" },
    { command: "lading store gc", explains: "free it" },
  ],
  doing: () => "tidy the store",
  async run(invocation) {
    const { settings, options, output, signal } = invocation;
    const onEvent = await invocation.watch("other");
    const lading = await invocation.open();
    const report = await lading.collect({ dryRun: options.dryRun === true, signal, onEvent });
    invocation.endWatch();
    if (settings.json) {
      await output.json(collectDocument(report));
      return;
    }
    if (settings.verbose || report.dryRun) {
      for (const { digest, size } of report.blobs) {
        await output.line(`${digest} ${formatBytes(size)}`);
      }
      for (const { diffId, size } of report.layers) {
        await output.line(`layer ${diffId} ${formatBytes(size)}`);
      }
    }
    const amount = [
      formatCount(report.blobs.length, "blob"),
      ...(report.layers.length > 0 ? [formatCount(report.layers.length, "unpacked layer")] : []),
      formatCount(report.ingests, "unfinished download"),
    ];
    const freed = report.dryRun ? "would free" : "freed";
    await output.line(`${freed} ${formatBytes(report.bytes)}: ${listed(amount)}`);
  },
};

/** `1 blob and 2 downloads`; `1 blob, 3 layers and 2 downloads`. */
function listed(parts: readonly string[]): string {
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}
