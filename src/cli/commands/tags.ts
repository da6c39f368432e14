import { LadingError } from "../../errors.ts";
import { parseReference, type Reference } from "../../oci/reference.ts";
import type { CommandDefinition, Invocation } from "../command.ts";
import { parsePlace } from "../place.ts";
import { visible } from "../print/format.ts";

export const tags: CommandDefinition = {
  description: `Lists the tags of a repository, one a line, as its registry has them. A tag or digest in the
reference is of no account.`,
  arguments: [{ name: "<repository>", description: "store:REPOSITORY asks the store" }],
  examples: [
    { command: "lading tags alpine", explains: "all of them" },
    { command: "lading tags ghcr.io/org/app | sort -V | tail -1", explains: "the newest version" },
    { command: "lading tags store:alpine", explains: "those that were pulled" },
  ],
  doing: ([repository]) => `list the tags of ${repository}`,
  async run(invocation) {
    const { args, settings, output } = invocation;
    const { side, reference } = parsePlace(args[0] ?? "");
    const { registry, repository } = parseReference(reference);
    const found: string[] = [];
    const names = side === "store" ? storedTags : registryTags;
    for await (const tag of names(invocation, reference)) {
      if (settings.json) found.push(tag);
      else await output.line(visible(tag));
    }
    if (settings.json) await output.json({ repository: `${registry}/${repository}`, tags: found });
  },
};

async function* registryTags(invocation: Invocation, reference: string): AsyncIterable<string> {
  const { signal } = invocation;
  const onEvent = await invocation.watch("other");
  yield* (await invocation.open([reference])).tags(reference, { signal, onEvent });
}

async function* storedTags(invocation: Invocation, reference: string): AsyncIterable<string> {
  const { signal } = invocation;
  const { registry, repository } = parseReference(reference);
  const onEvent = await invocation.watch("other");
  let found = 0;
  for (const stored of await (await invocation.open()).images({ signal, onEvent })) {
    const named = referenceOf(stored.reference);
    if (named?.registry !== registry || named.repository !== repository) continue;
    if (named.tag === undefined) continue;
    found += 1;
    yield named.tag;
  }
  if (found > 0) return;
  throw new LadingError("not-found", "the store has no tag of that repository", {
    reference: `${registry}/${repository}`,
    hint: "see what it has with: lading images",
  });
}

/** Other tools write names that are no references. */
function referenceOf(name: string | undefined): Reference | undefined {
  try {
    return name === undefined ? undefined : parseReference(name);
  } catch {
    return undefined;
  }
}
