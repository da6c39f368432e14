import type { BrokenBlob } from "../../../store/types.ts";
import type { CommandDefinition } from "../../command.ts";
import { exitCodes } from "../../exit-code.ts";
import { verifyDocument } from "../../print/documents.ts";
import { formatBytes, formatCount, visible } from "../../print/format.ts";

export const storeVerify: CommandDefinition = {
  description: `Hashes every blob of the local store again, on all cores, and names what is broken and which images
need it. With --repair what is broken is moved to quarantine/, so that the next pull brings it
anew. Exit code 5 when anything was broken.`,
  options: [{ flags: "--repair", description: "move what is broken out of the way" }],
  examples: [
    { command: "lading store verify", explains: "look" },
    { command: "lading store verify --repair", explains: "look and put aside; then pull again" },
  ],
  doing: () => "verify the store",
  async run(invocation) {
    const { settings, options, output, signal } = invocation;
    const onEvent = await invocation.watch("verify");
    const lading = await invocation.open();
    const report = await lading.verify({ repair: options.repair === true, signal, onEvent });
    invocation.endWatch();
    const { blobs, bytes, broken } = report;
    if (broken.length > 0) invocation.exitWith(exitCodes.invalidContent);
    if (settings.json) {
      await output.json(verifyDocument(report));
      return;
    }
    for (const blob of broken) await output.line(brokenLine(blob));
    const amount = `${formatCount(blobs, "blob")}, ${formatBytes(bytes)}`;
    const verdict = broken.length === 0 ? "all whole" : `${broken.length} broken`;
    await output.line(`${amount}: ${verdict}`);
    if (broken.length > 0) {
      const next = options.repair ? "pull those images again" : "lading store verify --repair";
      invocation.note(`hint: ${next}`);
    }
  },
};

const PROBLEMS: Readonly<Record<BrokenBlob["problem"], string>> = {
  missing: "is missing",
  "wrong-size": "has the wrong size",
  "wrong-digest": "has other content",
  "not-a-file": "is not a file",
  unreadable: "can't be read",
};

function brokenLine({ digest, problem, references, quarantined }: BrokenBlob): string {
  const needed = references.length === 0 ? "" : `, needed by ${references.map(visible).join(", ")}`;
  return `${digest} ${PROBLEMS[problem]}${needed}${quarantined ? "; moved to quarantine" : ""}`;
}
