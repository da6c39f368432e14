import { familiarName, parseReference } from "../oci/reference.ts";
import { open } from "../verbs/open.ts";
import { commonOptions, sharedOptions } from "./options.ts";
import type { Program } from "./program.ts";

/** Commands whose first argument is, or may be, one of some names that are known here. */
const NAMES: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  rm: storedNames,
  inspect: storedNames,
  unpack: storedNames,
  bundle: storedNames,
  mount: storedNames,
  logout: savedLogins,
};

/**
 * What the printed script asks at each press of Tab: `lading complete -- WORDS`. Answers by the
 * protocol of its library, one candidate a line.
 */
export async function answerCompletion(program: Program, words: readonly string[]): Promise<void> {
  for (const command of program.root.commands) {
    await program.complete(command);
    for (const inner of command.commands) await program.complete(inner);
  }
  const { default: tab } = await import("@bomb.sh/tab/commander");
  const candidates = tab(program.root, { completionCommandName: "completion-script" });
  const typed = words.slice(words.indexOf("--") + 1);
  const [name = ""] = typed;
  const [argument] = candidates.commands.get(name)?.arguments.values() ?? [];
  if (argument !== undefined && name in NAMES) {
    const names = (await NAMES[name]?.()) ?? [];
    argument.handler = (suggest) => {
      for (const known of names) suggest(known, "");
    };
  }
  // Options of every command stand on the root; the library looks at the command's own alone.
  for (const command of candidates.commands.values()) {
    for (const { flags, description, choices, suggestions } of [
      ...commonOptions,
      ...sharedOptions,
    ]) {
      const name = /--([a-z-]+)/.exec(flags)?.[1] ?? "";
      const values = choices ?? suggestions ?? [];
      if (!flags.includes("<")) command.option(name, description);
      else {
        command.option(name, description, (suggest) => {
          for (const value of values) suggest(value, "");
        });
      }
    }
  }
  candidates.parse([...typed]);
}

/** As a person types it; what another tool wrote that is no reference, as it is. */
function typed(name: string): string {
  try {
    return familiarName(parseReference(name));
  } catch {
    return name;
  }
}

/** Never an error: the person is in the middle of a word. */
async function storedNames(): Promise<readonly string[]> {
  try {
    await using lading = await open();
    const images = await lading.images();
    return images.flatMap(({ reference }) => (reference === undefined ? [] : [typed(reference)]));
  } catch {
    return [];
  }
}

/** Of files alone: a helper may ask its person for a password. */
async function savedLogins(): Promise<readonly string[]> {
  try {
    await using lading = await open();
    const logins = await lading.logins({ helpers: false });
    return [...new Set(logins.map(({ key }) => key))];
  } catch {
    return [];
  }
}
