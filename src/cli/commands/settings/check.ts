import type { SettingsFile } from "../../../verbs/settings/check.ts";
import type { CommandDefinition } from "../../command.ts";
import { exitCodes } from "../../exit-code.ts";
import { formatCount, visible } from "../../print/format.ts";

export const configCheck: CommandDefinition = {
  description: `Reads every settings file and says what is wrong with it: lading.toml, containerd's hosts.toml, the
certificates in docker's folders. Certificates are opened, keys held against them, and what expires
soon is told.`,
  examples: [
    { command: "lading config check", explains: "in all the usual places" },
    {
      command: "lading config check --config lading.toml",
      explains: "one that is not in place yet",
    },
  ],
  doing: () => "check the settings",
  async run(invocation) {
    const { settings, output } = invocation;
    const files = await (await invocation.open()).checkSettings();
    const ok = files.every(({ problems }) =>
      problems.every(({ severity }) => severity !== "error"),
    );
    if (!ok) invocation.exitWith(exitCodes.usage);
    if (settings.json) {
      await output.json({ ok, files });
      return;
    }
    if (files.length === 0) invocation.note("there are no settings files");
    for (const file of files) for (const line of linesOf(file)) await output.line(visible(line));
  },
};

/** As compilers print them, so that editors find the place. */
function linesOf({ path, problems, expires }: SettingsFile): string[] {
  if (problems.length === 0)
    return [`${path}: ok${expires === undefined ? "" : lifetime(expires)}`];
  return problems.flatMap(({ path: file, line, column, severity, message, hint }) => {
    const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
    const told = `${place}: ${severity}: ${message}`;
    return hint === undefined ? [told] : [told, `  ${hint}`];
  });
}

function lifetime(expires: string): string {
  const days = Math.floor((Date.parse(expires) - Date.now()) / 86_400_000);
  return `, expires in ${formatCount(days, "day")}`;
}
