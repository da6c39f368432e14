import { LadingError } from "../../errors.ts";
import type { RemoveResult } from "../../verbs/store.ts";
import type { CommandDefinition } from "../command.ts";
import { exitCodeOf } from "../exit-code.ts";
import { storeReference } from "../place.ts";

export const rm: CommandDefinition = {
  description: `Removes names from the local store. What they named stays on disk until the next store gc, and
beyond that for as long as another name or a running sandbox needs it. A name that another tool wrote
is removed by exactly that name.`,
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
    const failed: { readonly reference: string; readonly error: LadingError }[] = [];
    for (const reference of references) {
      try {
        removed.push(await lading.remove(reference, { signal, onEvent }));
      } catch (error) {
        if (signal.aborted || !(error instanceof LadingError)) throw error;
        failed.push({ reference, error });
      }
    }
    invocation.endWatch();
    const [first] = failed;
    if (first !== undefined && references.length === 1) throw first.error;
    const errors = failed.map(({ reference, error }) => ({ reference, ...error.toJSON() }));
    const failures = errors.length === 0 ? {} : { error: errors[0], failed: errors };
    if (settings.json) await output.json({ removed, ...failures });
    else for (const { reference, digest } of removed) await output.line(`${reference}@${digest}`);
    for (const { reference, error } of failed) await invocation.fail(error, `remove ${reference}`);
    if (first !== undefined) invocation.exitWith(exitCodeOf(first.error.code));
  },
};
