import type { RemoveResult } from "../../verbs/store.ts";
import type { CommandDefinition } from "../command.ts";
import { storeReference } from "../place.ts";

export const rm: CommandDefinition = {
  description: `Removes names from the local store. What they named stays on disk until the next store gc, and
beyond that for as long as another name or a running sandbox needs it.`,
  arguments: [{ name: "<references...>", description: "names, as lading images lists them" }],
  examples: [
    { command: "lading rm alpine:3.20", explains: "one name" },
    { command: "lading rm alpine debian && lading store gc", explains: "and their space" },
  ],
  doing: (args) => `remove ${args.join(", ")}`,
  async run(invocation) {
    const { args, settings, output, signal } = invocation;
    const references = args.map(storeReference);
    const onEvent = await invocation.watch("other");
    const lading = await invocation.open();
    const removed: RemoveResult[] = [];
    for (const reference of references) {
      removed.push(await lading.remove(reference, { signal, onEvent }));
    }
    invocation.endWatch();
    if (settings.json) await output.json({ removed });
    else for (const { reference, digest } of removed) await output.line(`${reference}@${digest}`);
  },
};
