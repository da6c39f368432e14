import type { CommandDefinition } from "../../command.ts";
import { formatCount } from "../../print/format.ts";

export const storeRebuild: CommandDefinition = {
  description: `Makes the catalog of the local store again from what is on disk. Nothing is lost but when images
were last used. An index.json that is missing or damaged is first made again from the names in the catalog; a
damaged one is kept in quarantine/.`,
  examples: [
    { command: "lading store rebuild", explains: "after a damaged catalog.db or index.json" },
  ],
  doing: () => "rebuild the catalog of the store",
  async run(invocation) {
    const { settings, output, signal } = invocation;
    const onEvent = await invocation.watch("other");
    const rebuilt = await (await invocation.open()).rebuild({ signal, onEvent });
    invocation.endWatch();
    if (settings.json) await output.json(rebuilt);
    else await output.line(`rebuilt: ${formatCount(rebuilt.images, "image")}`);
  },
};
