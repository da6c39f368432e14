import type { SavedLogin } from "../../../registry/auth/saved/list.ts";
import { formatScope, parseKey } from "../../../registry/auth/sources/match.ts";
import type { Invocation } from "../../command.ts";
import { formatTable, visible } from "../../print/format.ts";
import { originText } from "../../print/origin.ts";

/** `login --list`. */
export async function printLogins(invocation: Invocation): Promise<void> {
  const { settings, output, signal } = invocation;
  const logins = await (await invocation.open()).logins({ signal });
  if (settings.json) await output.json({ logins });
  else if (logins.length === 0) invocation.note("no credentials are saved");
  else await output.write(formatTable([HEADING, ...logins.map(row)]));
  for (const { from, problem } of logins) {
    if (problem !== undefined) invocation.note(`${from.name} lists nothing: ${problem}`);
  }
}

const HEADING = ["REGISTRY", "USER", "FROM"];

function row({ key, username = "", from }: SavedLogin): string[] {
  return [
    visible(formatScope(parseKey(key))),
    visible(username),
    originText({ ...from, key: undefined }),
  ];
}
