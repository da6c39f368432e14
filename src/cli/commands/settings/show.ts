import {
  registryNamed,
  type ShownEndpoint,
  type ShownSettings,
} from "../../../verbs/settings/show.ts";
import type { CommandDefinition } from "../../command.ts";
import { formatDuration, formatTable, visible } from "../../print/format.ts";

export const configShow: CommandDefinition = {
  description: `Shows how a registry is spoken to: where it is, its mirrors in the order in which they are asked,
certificates, proxy, headers, limits, and the file that each comes from. No value of a header and no
password is shown.`,
  arguments: [
    {
      name: "[registry]",
      description: "its host, or an image on it; without it, every registry that a file names",
    },
  ],
  examples: [
    { command: "lading config show docker.io", explains: "of one registry" },
    { command: "lading config show --json", explains: "of all that files name" },
  ],
  doing: ([registry]) => `show the settings${registry === undefined ? "" : ` of ${registry}`}`,
  async run(invocation) {
    const { args, settings, output } = invocation;
    const [named] = args;
    const registry = named === undefined ? undefined : registryNamed(named);
    const lading = await invocation.open(registry === undefined ? [] : [`${registry}/x`]);
    if (registry !== undefined) {
      const shown = await lading.settings(registry);
      if (settings.json) await output.json(shown);
      else await output.write(formatTable(rows(shown)));
      return;
    }
    const all = await lading.allSettings();
    if (settings.json) await output.json({ registries: all });
    else if (all.length === 0) invocation.note("no settings file names a registry");
    else {
      for (const shown of all) {
        await output.line(visible(shown.registry));
        await output.write(
          formatTable(rows(shown).map(([name = "", ...rest]) => [`  ${name}`, ...rest])),
        );
      }
    }
  },
};

/** Name, value, and the file that says so; what nobody has set is left out. */
function rows(shown: ShownSettings): string[][] {
  const { server, mirrors, helper, trustHosts, origins } = shown;
  const from = (key: string): string => origins[key] ?? "";
  const table = [
    ["server", server.url, from("server") || from("http")],
    ...mirrors.flatMap((mirror, at) => mirrorRows(mirror, `mirror ${at + 1}`, from("mirrors"))),
    ["ca", ["the system's", ...server.ca].join(", "), from("ca")],
    ...endpointRows(server, origins),
    ...(helper === undefined ? [] : [["helper", `docker-credential-${helper}`, from("helper")]]),
    ...(trustHosts.length === 0
      ? []
      : [["trust-hosts", trustHosts.join(", "), from("trustHosts")]]),
  ];
  return table.map((row) => row.map(visible));
}

function mirrorRows(mirror: ShownEndpoint, name: string, from: string): string[][] {
  const { capabilities, trusted, ca } = mirror;
  const what = [capabilities.join(" and "), ...(trusted ? ["trusted"] : [])].join(", ");
  const authorities = ca.length === 0 ? [] : [["  ca", ca.join(", "), ""]];
  const inner = [
    ...authorities,
    ...endpointRows(mirror, {}).map(([key = "", ...rest]) => [`  ${key}`, ...rest]),
  ];
  return [[name, `${mirror.url} (${what})`, from], ...inner];
}

function endpointRows(
  endpoint: ShownEndpoint,
  origins: Readonly<Record<string, string>>,
): string[][] {
  const { client, skipVerify, headers, proxy, proxyFrom, timeouts } = endpoint;
  const { concurrency, requestsPerSecond } = endpoint;
  const row = (name: string, value: string, key: string, otherwise = ""): string[] => [
    name,
    value,
    origins[key] ?? otherwise,
  ];
  return [
    ...client.map(({ cert }) => row("client", cert, "client")),
    ...(skipVerify ? [row("skip-verify", "its certificate is not looked at", "skipVerify")] : []),
    ...Object.entries(headers).map(([name, value]) =>
      row(`header ${name}`, value, `headers.${name}`),
    ),
    ...(proxy === undefined ? [] : [row("proxy", proxy, "proxy", proxyFrom)]),
    ...Object.entries(timeouts).map(([name, ms]) =>
      row(`${name.replace(/Ms$/, "")} within`, formatDuration(ms), `timeouts.${name}`),
    ),
    ...(concurrency === undefined ? [] : [row("concurrency", `${concurrency}`, "concurrency")]),
    ...(requestsPerSecond === undefined
      ? []
      : [row("requests", `${requestsPerSecond} a second`, "requestsPerSecond")]),
  ];
}
