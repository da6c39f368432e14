import type { RateLimitReport } from "../../../verbs/network/ratelimit.ts";
import type { CommandDefinition } from "../../command.ts";
import { registryReference } from "../../place.ts";
import { formatDuration } from "../../print/format.ts";

export const ratelimit: CommandDefinition = {
  description: `Says how much one may still pull from a registry, as the registry tells it (Docker Hub does),
with the credentials that a pull of the image would use. Asking is free.`,
  arguments: [{ name: "<reference>", description: "an image that is there" }],
  examples: [
    { command: "lading ratelimit alpine", explains: "what is left at Docker Hub" },
    { command: "lading ratelimit --json alpine | jq .remaining", explains: "as a number" },
  ],
  doing: ([reference]) => `ask for the rate limit of ${reference}`,
  async run(invocation) {
    const { args, settings, output, signal } = invocation;
    const reference = registryReference(args[0] ?? "");
    const onEvent = await invocation.watch("other");
    const lading = await invocation.open([reference]);
    const report = await lading.ratelimit(reference, { signal, onEvent });
    invocation.endWatch();
    if (settings.json) await output.json(report);
    else await output.line(inWords(report));
  },
};

function inWords(report: RateLimitReport): string {
  if (report.limit === null) return `${report.registry}: tells of no limit`;
  const { registry, remaining, limit, windowSeconds, source } = report;
  const window = windowSeconds === undefined ? "" : `, for ${inHours(windowSeconds)}`;
  const whose = source === undefined ? "" : ` (${source})`;
  return `${registry}: ${remaining} of ${limit} left${window}${whose}`;
}

function inHours(seconds: number): string {
  const hours = seconds / 3600;
  return Number.isInteger(hours) && hours > 0 ? `${hours} h` : formatDuration(seconds * 1000);
}
