import type { CommandDefinition, Invocation } from "../command.ts";
import { parsePlace } from "../place.ts";

export const config: CommandDefinition = {
  description: `Prints the config of an image, from its registry: its platform, its environment, its history, the
diff IDs of its layers. --raw prints the exact bytes.`,
  arguments: [{ name: "<reference>", description: "an image; store:REFERENCE asks the store" }],
  options: [{ flags: "--raw", description: "the exact bytes" }],
  shared: ["platform"],
  examples: [
    { command: "lading config alpine", explains: "for this machine's platform" },
    { command: "lading config --platform linux/arm64 alpine", explains: "for another one" },
    { command: "lading config store:alpine", explains: "of what was pulled" },
  ],
  doing: ([reference]) => `print the config of ${reference}`,
  async run(invocation) {
    const bytes = await read(invocation);
    invocation.endWatch();
    const { options, output } = invocation;
    if (options.raw) await output.write(bytes);
    else await output.json(JSON.parse(new TextDecoder().decode(bytes)));
  },
};

async function read({ args, settings, signal, watch, open }: Invocation): Promise<Uint8Array> {
  const { side, reference } = parsePlace(args[0] ?? "");
  const { root, platform } = settings;
  const onEvent = await watch("other");
  if (side === "store") {
    const { storedConfig } = await import("../stored.ts");
    return (await storedConfig({ root, reference, platform })).bytes;
  }
  const lading = await open([reference]);
  const fetched = await lading.fetchManifestAndConfig(reference, { platform, signal, onEvent });
  return fetched.config.bytes;
}
