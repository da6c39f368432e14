import { LadingError } from "../../../errors.ts";
import { formatScope, parseKey } from "../../../registry/auth/sources/match.ts";
import type { Lading } from "../../../verbs/open.ts";
import type { CommandDefinition } from "../../command.ts";
import { originText } from "../../print/origin.ts";

export const logout: CommandDefinition = {
  description: `Takes away what login has saved for a registry, or for a path on it: exactly that one. What other
tools have saved stays.`,
  arguments: [{ name: "[registry]", description: "host[:port][/path] (default: docker.io)" }],
  examples: [
    {
      command: "lading logout ghcr.io",
      explains: "of the registry; a login for ghcr.io/org stays",
    },
    { command: "lading logout ghcr.io/org", explains: "of one organisation on it" },
  ],
  doing: ([scope = DEFAULT]) => `log out of ${scope}`,
  async run(invocation) {
    const { args, settings, output, signal } = invocation;
    const lading = await invocation.open();
    const result = await lading.logout(args[0] ?? DEFAULT, { signal });
    const { scope, removed } = result;
    const left = await leftBehind(lading, scope, signal);
    if (removed.length === 0) {
      throw new LadingError("not-found", `lading has saved no login for ${scope}`, {
        hint: left[0] ?? "see what is saved with: lading login --list",
      });
    }
    const places = removed.map((from) => originText({ ...from, key: undefined }));
    if (settings.json) await output.json(result);
    else await output.line(`logged out of ${scope}: ${places.join(", ")}`);
    for (const line of left) invocation.note(line);
  },
};

const DEFAULT = "docker.io";

/** What still knows that place; it is told, and no reason to fail. */
async function leftBehind(lading: Lading, scope: string, signal: AbortSignal): Promise<string[]> {
  const logins = await lading.logins({ signal }).catch(() => []);
  return logins
    .filter(({ key }) => formatScope(parseKey(key)) === scope)
    .map(({ from }) => `${scope} is still in ${originText({ ...from, key: undefined })}`);
}
