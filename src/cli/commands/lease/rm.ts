import { LadingError } from "../../../errors.ts";
import type { StoredLease } from "../../../store/types.ts";
import type { CommandDefinition } from "../../command.ts";
import { exitCodeOf } from "../../exit-code.ts";
import { leaseDocument } from "../../print/documents.ts";

export const leaseRm: CommandDefinition = {
  description: `Ends leases: what they kept is freed by the next store gc, unless a name or another lease needs it.
What is mounted stays whole until it is unmounted.`,
  arguments: [{ name: "<ids...>", description: "as lading lease ls lists them" }],
  examples: [
    { command: "lading lease rm 4f1c22ab90de", explains: "one" },
    {
      command: "lading lease rm 4f1c22ab90de && lading store gc",
      explains: "and the space that it held",
    },
  ],
  doing: (args) => `end ${args.length === 1 ? "the lease" : "the leases"} ${args.join(", ")}`,
  async run(invocation) {
    const { args, settings, output } = invocation;
    const lading = await invocation.open();
    const removed: StoredLease[] = [];
    const failed: { readonly id: string; readonly error: LadingError }[] = [];
    for (const id of args) {
      try {
        removed.push(await lading.removeLease(id));
      } catch (error) {
        if (!(error instanceof LadingError)) throw error;
        failed.push({ id, error });
      }
    }
    const [first] = failed;
    if (first !== undefined && args.length === 1) throw first.error;
    const errors = failed.map(({ id, error }) => ({ id, ...error.toJSON() }));
    const failures = errors.length === 0 ? {} : { error: errors[0], failed: errors };
    if (settings.json) await output.json({ removed: removed.map(leaseDocument), ...failures });
    else for (const { id } of removed) await output.line(id);
    for (const { id, error } of failed) await invocation.fail(error, `end the lease ${id}`);
    if (first !== undefined) invocation.exitWith(exitCodeOf(first.error.code));
  },
};
