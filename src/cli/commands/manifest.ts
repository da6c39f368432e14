import type { CommandDefinition, Invocation } from "../command.ts";
import { parsePlace } from "../place.ts";
import { descriptorDocument } from "../print/documents.ts";
import type { StoredDocument } from "../stored.ts";

export const manifest: CommandDefinition = {
  description: `Prints the manifest or the index that a reference names, from its registry. With --platform, the
image manifest for that platform. --raw prints the exact bytes, whose hash is the digest.`,
  arguments: [{ name: "<reference>", description: "an image; store:REFERENCE asks the store" }],
  options: [{ flags: "--raw", description: "the exact bytes" }],
  shared: ["platform"],
  examples: [
    { command: "lading manifest alpine", explains: "the index, easy to read" },
    {
      command: "lading manifest --platform linux/arm64 alpine",
      explains: "one platform's manifest",
    },
    { command: "lading manifest --raw alpine | sha256sum", explains: "the digest" },
    { command: "lading manifest store:alpine", explains: "of what was pulled" },
  ],
  doing: ([reference]) => `print the manifest of ${reference}`,
  async run(invocation) {
    const { descriptor, bytes } = await read(invocation);
    invocation.endWatch();
    const { settings, options, output } = invocation;
    if (options.raw) await output.write(bytes);
    else if (settings.json) {
      await output.json({ descriptor: descriptorDocument(descriptor), manifest: parsed(bytes) });
    } else await output.json(parsed(bytes));
  },
};

async function read({ args, settings, signal, watch, open }: Invocation): Promise<StoredDocument> {
  const { side, reference } = parsePlace(args[0] ?? "");
  const { root, platform } = settings;
  const onEvent = await watch("other");
  if (side === "store") {
    return (await import("../stored.ts")).storedManifest({ root, reference, platform });
  }
  return (await open([reference])).fetchManifest(reference, { platform, signal, onEvent });
}

/** The bytes have passed the strict parser by now; this one is for their looks. */
function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
