import { credentialScope } from "../../../verbs/access/scope.ts";
import type { WhoAmI } from "../../../verbs/access/whoami.ts";
import type { CommandDefinition } from "../../command.ts";
import { withoutPrefix } from "../../place.ts";
import { visible } from "../../print/format.ts";
import { originText } from "../../print/origin.ts";

export const whoami: CommandDefinition = {
  description: `Says whose credentials a pull of a reference would bring and where they come from, without showing
them; of a registry, those for all of it. A credential helper is asked, the registry is not.`,
  arguments: [{ name: "<reference>", description: "an image, a repository or a registry" }],
  examples: [
    { command: "lading whoami ghcr.io/org/app", explains: "before a pull that is refused" },
    { command: "lading whoami --json alpine", explains: "with all the places that were looked at" },
  ],
  doing: ([reference]) => `find the credentials for ${reference}`,
  async run({ args, settings, output, signal, open }) {
    const place = withoutPrefix(args[0] ?? "");
    const { registry } = credentialScope(place);
    const result = await (await open([`${registry}/x`])).whoami(place, { signal });
    if (settings.json) await output.json(result);
    else await output.line(`${result.scope}: ${who(result)}`);
  },
};

function who({ kind, username, from, asked }: WhoAmI): string {
  if (kind === "anonymous") {
    return `anonymous; nothing was found in ${asked.map(visible).join(", ")}`;
  }
  const name = kind === "basic" ? visible(username ?? "") : KINDS[kind];
  return from === undefined ? name : `${name}, by ${originText(from)}`;
}

const KINDS = { token: "a registry's token", identity: "an identity token" } as const;
