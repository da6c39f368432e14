import type { DoctorReport } from "../../../verbs/doctor/doctor.ts";
import type { DoctorStep } from "../../../verbs/doctor/steps.ts";
import type { CommandDefinition } from "../../command.ts";
import { exitCodeOf } from "../../exit-code.ts";
import { registryReference } from "../../place.ts";
import { formatTable, shortDigests, visible } from "../../print/format.ts";

export const doctor: CommandDefinition = {
  description: `Walks through all that pulling an image needs: name, connection, TLS, credentials, token, manifest,
ranges, rate limit, the store and its disk; and says at the first step that fails what to do. Fetches no
layer.`,
  arguments: [{ name: "<reference>", description: "the image that can't be pulled" }],
  shared: ["platform"],
  examples: [
    { command: "lading doctor ghcr.io/org/app:1", explains: "why can't it be pulled?" },
    {
      command: "lading doctor --json alpine | jq '.steps[] | select(.state != \"ok\")'",
      explains: "what is not as it should be",
    },
  ],
  doing: ([reference]) => `examine ${reference}`,
  async run(invocation) {
    const { args, settings, output, signal } = invocation;
    const reference = registryReference(args[0] ?? "");
    const { platform } = settings;
    const onEvent = await invocation.watch("other");
    const lading = await invocation.open([reference]);
    const report = await lading.doctor(reference, { platform, signal, onEvent });
    invocation.endWatch();
    if (report.error !== undefined) invocation.exitWith(exitCodeOf(report.error.code));
    if (settings.json) await output.json({ ...report, error: report.error?.toJSON() });
    else await output.write(inWords(report));
  },
};

/** What failed, and what to do, is the last that one reads of the way to the image. */
function inWords({ steps }: DoctorReport): string {
  const reached = steps.filter(({ state }) => state !== "not-reached");
  return formatTable(reached.flatMap(rows));
}

/** What to do about it stands below what is wrong. */
function rows({ name, state, detail, hint }: DoctorStep): string[][] {
  const shown = name === "manifest" ? shortDigests(detail) : detail;
  const row = [state, name, visible(shown)];
  return hint === undefined ? [row] : [row, ["", "", visible(hint)]];
}
