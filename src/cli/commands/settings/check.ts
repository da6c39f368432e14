import { LadingError } from "../../../errors.ts";
import { placesOf } from "../../../registry/settings/load.ts";
import type { SettingsFile } from "../../../verbs/settings/check.ts";
import type { CommandDefinition, Invocation } from "../../command.ts";
import { exitCodes } from "../../exit-code.ts";
import { formatCount, visible } from "../../print/format.ts";

export const configCheck: CommandDefinition = {
  description: `Reads every settings file and says what is wrong with it: lading.toml, containerd's hosts.toml, the
certificates in docker's folders. Certificates are opened, keys held against them, and what expires
soon is told.`,
  arguments: [{ name: "[file]", description: "one in place of the usual ones, as --config" }],
  examples: [
    { command: "lading config check", explains: "in all the usual places" },
    { command: "lading config check lading.toml", explains: "one that is not in place yet" },
  ],
  doing: () => "check the settings",
  async run(invocation) {
    const { settings, output } = invocation;
    const config = fileNamed(invocation);
    const files = await (await invocation.open()).checkSettings({ config });
    const looked = files.length === 0 ? lookedFor(config) : [];
    const ok = files.every(({ problems }) =>
      problems.every(({ severity }) => severity !== "error"),
    );
    if (!ok) invocation.exitWith(exitCodes.usage);
    if (settings.json) {
      await output.json({ ok, files, ...(looked.length === 0 ? {} : { looked }) });
      return;
    }
    if (looked.length > 0) {
      const places = looked.map(visible).join(", ");
      invocation.note(`there are no settings files: nothing was found in ${places}`);
    }
    for (const file of files) for (const line of linesOf(file)) await output.line(visible(line));
  },
};

function fileNamed({ args, settings }: Invocation): string | undefined {
  const [file] = args;
  if (file === undefined) return settings.config;
  if (settings.config === undefined) return file;
  throw new LadingError("usage", "the file to check is named twice", {
    hint: "lading config check FILE, or --config FILE",
  });
}

function lookedFor(config: string | undefined): readonly string[] {
  const { files, certsD } = placesOf({ config });
  return [...files.map(({ path }) => path), ...certsD];
}

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
