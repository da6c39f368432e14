// Writes the commands' part of docs/cli.md out of their definitions: node scripts/docs.mjs [--check]
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";

const dist = resolve(process.env.LADING_DIST ?? "dist");
const { commands } = await import(`${dist}/cli/commands/index.js`);
const { commonOptions, sharedOptions, sharedOptionNames } = await import(`${dist}/cli/options.js`);

const MARK = "<!-- Below this line: written by scripts/docs.mjs -->";
const path = "docs/cli.md";
const text = await readFile(path, "utf8");
const above = text.slice(0, text.indexOf(MARK) + MARK.length);
const sections = await Promise.all(commands.map(describe));
const written = `${above}\n\n${common()}\n\n${sections.join("\n\n")}\n`;
if (process.argv.includes("--check")) {
  if (written !== text) {
    console.log(`${path} is not what the commands say: node scripts/docs.mjs`);
    process.exitCode = 1;
  }
} else await writeFile(path, written);

function common() {
  const shared = `${options(commonOptions)}\n\nOptions that mean the same wherever they mean something:\n\n${options(sharedOptions)}`;
  return `## Options of every command\n\n${shared}`;
}

async function describe({ name, load }) {
  const command = await load();
  const args = command.arguments ?? [];
  const shared = sharedOptionNames.flatMap((shared, at) =>
    command.shared?.includes(shared) ? [sharedOptions[at]] : [],
  );
  const usage = ["lading", name, ...args.map((argument) => argument.name), "[options]"].join(" ");
  const parts = [`## lading ${name}`, code("text", usage), oneLine(command.description)];
  if (args.length > 0)
    parts.push(list(args.map((arg) => [arg.name, arg.description, arg.choices])));
  const own = command.options ?? [];
  if (own.length > 0) parts.push(options(own));
  if (shared.length > 0) {
    parts.push(`Takes ${shared.map(({ flags }) => `\`${flags.split(" ")[0]}\``).join(", ")}.`);
  }
  const width = Math.max(...command.examples.map((example) => example.command.length));
  const lines = command.examples.map(
    (example) => `${example.command.padEnd(width)}  # ${example.explains}`,
  );
  parts.push(code("sh", lines.join("\n")));
  return parts.join("\n\n");
}

function options(definitions) {
  return list(definitions.map(({ flags, description, choices }) => [flags, description, choices]));
}

function list(rows) {
  return rows
    .map(([term, text, choices]) => {
      const values = choices === undefined ? "" : ` One of ${choices.join(", ")}.`;
      return `- \`${term}\`: ${oneLine(text)}${values && (/[.)]$/.test(text) ? values : `.${values}`)}`;
    })
    .join("\n");
}

function code(language, text) {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function oneLine(text) {
  return text.replace(/\s+/g, " ").trim();
}
