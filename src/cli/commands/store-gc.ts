import type { CommandDefinition } from "../command.ts";
import { collectDocument } from "../print/documents.ts";
import { formatBytes, formatCount } from "../print/format.ts";

export const storeGc: CommandDefinition = {
  description: `Frees what neither a name nor a lease needs: blobs of removed images and of tags that moved on, and
downloads that nobody goes on with. Waits while a pull is under way, and takes nothing of it.`,
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
    }
    const amount = `${formatCount(report.blobs.length, "blob")} and ${formatCount(report.ingests, "unfinished download")}`;
    const freed = report.dryRun ? "would free" : "freed";
    await output.line(`${freed} ${formatBytes(report.bytes)}: ${amount}`);
  },
};
