import { formatPlatform } from "../../oci/platform.ts";
import type { InspectResult } from "../../verbs/inspect.ts";
import type { CommandDefinition } from "../command.ts";
import { parsePlace, policyOf } from "../place.ts";
import { inspectDocument } from "../print/documents.ts";
import { formatBytes, formatCount, formatTable, visible } from "../print/format.ts";

export const inspect: CommandDefinition = {
  description: `Shows what an image is made of and how it wants to be run. Looks in the local store first, then
in the registry, and says which of them answered; nothing is pulled.`,
  arguments: [{ name: "<reference>", description: "an image, by tag or digest" }],
  shared: ["platform", "policy"],
  examples: [
    { command: "lading inspect alpine:3.20", explains: "the store's, else the registry's" },
    { command: "lading inspect --policy always alpine", explains: "what the registry has now" },
    { command: "lading inspect store:alpine", explains: "the store's alone" },
    { command: "lading inspect --json alpine", explains: "as a JSON document" },
  ],
  doing: ([reference]) => `inspect ${reference}`,
  async run(invocation) {
    const { args, settings, output, signal } = invocation;
    const place = parsePlace(args[0] ?? "");
    const onEvent = await invocation.watch("other");
    const lading = await invocation.open([place.reference]);
    const result = await lading.inspect(place.reference, {
      platform: settings.platform,
      policy: settings.policy ?? policyOf(place),
      signal,
      onEvent,
    });
    invocation.endWatch();
    if (settings.json) await output.json(inspectDocument(result));
    else await output.write(sheet(result));
  },
};

function sheet(result: InspectResult): string {
  const { reference, from, platform, manifest, config, layers, size, pulledAt } = result;
  const { execution } = config;
  const fields: readonly (readonly [string, string | undefined])[] = [
    ["Reference", reference],
    ["From", from],
    ["Platform", formatPlatform(platform)],
    ["Manifest", manifest.digest],
    ["Media type", manifest.mediaType],
    ["Size", `${formatBytes(size)} in ${formatCount(layers.length, "layer")}`],
    ["Pulled", pulledAt === undefined ? undefined : new Date(pulledAt).toISOString()],
    ["Created", config.created],
    ["Author", config.author],
    ["Entrypoint", words(execution.entrypoint)],
    ["Command", words(execution.cmd)],
    ["User", execution.user],
    ["Directory", execution.workingDir],
    ["Ports", list(execution.exposedPorts)],
    ["Volumes", list(execution.volumes)],
    ["Stop signal", execution.stopSignal],
  ];
  const known = fields.flatMap(([name, value]) => (value ? [[name, visible(value)]] : []));
  const labels = Object.entries(execution.labels).map(([name, value]) => `${name}=${value}`);
  const rows = layers.map(({ descriptor }) => [
    `  ${descriptor.digest}`,
    formatBytes(descriptor.size),
    descriptor.mediaType,
  ]);
  return [
    formatTable(known),
    section("Environment", execution.env),
    section("Labels", labels),
    rows.length === 0 ? "" : `\nLayers, bottom first\n${formatTable(rows)}`,
  ].join("");
}

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `\n${title}\n${lines.map((line) => `  ${visible(line)}\n`).join("")}`;
}

function words(command: readonly string[] | undefined): string | undefined {
  return command === undefined || command.length === 0 ? undefined : JSON.stringify(command);
}

function list(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(", ");
}
