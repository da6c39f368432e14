import { Argument, Command, CommanderError, Option } from "commander";
import { LadingError } from "../errors.ts";
import type { CommandDefinition } from "./command.ts";
import { type CommandEntry, commandGroups, commands } from "./commands/index.ts";
import { peerOptionHint } from "./input/peer-options.ts";
import {
  commonOptions,
  type OptionDefinition,
  type OptionValues,
  type SharedOption,
  sharedOptionNames,
  sharedOptions,
} from "./options.ts";
import { version } from "./version.ts";

/** What the words on the command line ask for. */
export interface Call {
  readonly name: string;
  readonly definition: CommandDefinition;
  readonly args: readonly string[];
  readonly options: OptionValues;
}

export interface Program {
  readonly root: Command;
  /** Defines a command in full: its arguments, options and help. */
  complete(command: Command): Promise<void>;
}

/**
 * The command line as commander knows it. A command is a name and a summary until it is called; only
 * then is its file loaded (`onCall` gets what was asked for).
 */
export function createProgram(
  onCall: (call: Call) => Promise<void>,
  writeHelp: (text: string) => void,
): Program {
  const root = new Command("lading")
    .description("OCI images from a registry to disk, verified and resumable, without a daemon.")
    .usage("<command> [options]")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help; after a command, the help of that command")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: writeHelp, writeErr: () => {}, outputError: () => {} })
    .addHelpText("after", OVERVIEW_FOOTER);
  for (const option of commonOptions) root.addOption(commanderOption(option));
  for (const option of sharedOptions) root.addOption(commanderOption(option));

  const pending = new Map<Command, CommandEntry>();
  const complete = async (command: Command): Promise<void> => {
    const entry = pending.get(command);
    if (entry === undefined) return;
    pending.delete(command);
    const definition = await entry.load();
    defineCommand(command, definition);
    command.action(async () => {
      const options: OptionValues = command.optsWithGlobals();
      refuseUnused(root, entry, definition);
      await onCall({ name: entry.name, definition, args: command.args, options });
    });
  };
  for (const entry of commands) {
    const words = entry.name.split(" ");
    const parent = words.length > 1 ? groupCommand(root, words[0] ?? "") : root;
    const command = parent.command(words.at(-1) ?? "").summary(entry.summary);
    command.helpGroup(`${entry.group}:`);
    pending.set(command, entry);
  }
  for (const parent of [root, ...root.commands]) {
    parent.hook("preSubcommand", (_, command) => complete(command));
  }
  return { root, complete };
}

/** Reads the words and runs what they ask for. Words that can't be read are a `usage` error. */
export async function runProgram(program: Program, args: readonly string[]): Promise<void> {
  try {
    await program.root.parseAsync(helpLast(args), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw usageError(error, program.root, args);
  }
}

const OVERVIEW_FOOTER = `
Examples:
  lading pull alpine:3.20                     pull for this machine's platform
  lading inspect ghcr.io/org/app:1.2          look before you pull
  lading pull --platform linux/arm64 alpine   pull for another platform

A reference means docker.io unless it names a registry. store:REFERENCE asks the local store.
Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not authorised, 5 invalid content,
6 network or registry unavailable, 130 interrupted, 143 terminated.
`;

/** `lading help pull` is `lading pull --help`. */
function helpLast(args: readonly string[]): string[] {
  return args[0] === "help" ? [...args.slice(1), "--help"] : [...args];
}

function groupCommand(root: Command, name: string): Command {
  const known = root.commands.find((command) => command.name() === name);
  if (known !== undefined) return known;
  const summary = commandGroups[name] ?? "";
  const group = root.command(name).description(summary).helpGroup("Store:");
  return group.usage("<command> [options]").helpCommand(false);
}

function defineCommand(command: Command, definition: CommandDefinition): void {
  command.description(definition.description.replaceAll("\n", " "));
  for (const { name, description, choices } of definition.arguments ?? []) {
    const argument = new Argument(name, description);
    command.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  for (const option of definition.options ?? []) command.addOption(commanderOption(option));
  const shown = new Set<string>(definition.shared ?? []);
  const hidden = new Set<string>(sharedOptionNames.filter((name) => !shown.has(name)));
  command.configureHelp({
    showGlobalOptions: true,
    visibleGlobalOptions: (current) =>
      (current.parent === null ? [] : rootOf(current).options).filter(
        (option) => !option.hidden && !hidden.has(option.attributeName()),
      ),
  });
  const width = Math.max(...definition.examples.map((example) => example.command.length));
  const examples = definition.examples.map(
    (example) => `  ${example.command.padEnd(width)}  ${example.explains}`,
  );
  command.addHelpText("after", `\nExamples:\n${examples.join("\n")}\n`);
}

function commanderOption({ flags, description, choices }: OptionDefinition): Option {
  const option = new Option(flags, description);
  return choices === undefined ? option : option.choices(choices);
}

/** An option that does nothing would mislead: `rm --platform` removes the name, not one platform. */
function refuseUnused(root: Command, entry: CommandEntry, definition: CommandDefinition): void {
  const meant = new Set<SharedOption>(definition.shared ?? []);
  for (const option of root.options) {
    const name = option.attributeName();
    const shared = sharedOptionNames.find((known) => known === name);
    if (shared === undefined || meant.has(shared)) continue;
    if (root.getOptionValueSource(name) !== "cli") continue;
    throw new LadingError("usage", `${option.long} has no meaning for ${entry.name}`, {
      hint: `see: lading ${entry.name} --help`,
    });
  }
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

/** What stands behind an option that nobody knows may be a password. */
function withoutValue(message: string): string {
  return message.replace(/^(unknown option '(?:--[^=']*|-[^-'])).*'/s, "$1'");
}

function usageError(error: CommanderError, root: Command, args: readonly string[]): LadingError {
  const words: string[] = [];
  let command: Command | undefined = root;
  for (const word of args) {
    command = command.commands.find((known: Command) => known.name() === word);
    if (command === undefined) break;
    words.push(word);
  }
  const message =
    error.code === "commander.help"
      ? `${words.length > 0 ? words.join(" ") : "lading"} needs a command`
      : withoutValue(error.message.replace(/^error: /, "")).replaceAll("\n", " ");
  const help = `see: ${["lading", ...words].join(" ")} --help`;
  const elsewhere = peerOptionHint(error, words.join(" "));
  return new LadingError("usage", message, {
    hint: elsewhere === undefined ? help : `${elsewhere}; ${help}`,
  });
}
