import type { DoctorReport } from "../../../verbs/doctor/doctor.ts";
import type { DoctorStep } from "../../../verbs/doctor/steps.ts";
import type { CommandDefinition } from "../../command.ts";
import { exitCodeOf } from "../../exit-code.ts";
import { formatTable, visible } from "../../print/format.ts";

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
  async run({ args, settings, output, signal, open, exitWith }) {
    const [reference = ""] = args;
    const { platform } = settings;
    const report = await (await open([reference])).doctor(reference, { platform, signal });
    if (report.error !== undefined) exitWith(exitCodeOf(report.error.code));
    if (settings.json) await output.json({ ...report, error: report.error?.toJSON() });
    else await output.write(inWords(report));
  },
};

/** What failed, and what to do, is the last that one reads of the way to the image. */
function inWords({ steps }: DoctorReport): string {
  const reached = steps.filter(({ state }) => state !== "not-reached");
  const rows = reached.map(({ name, state, detail }) => [state, name, visible(detail)]);
  const lines = formatTable(rows).split("\n");
  return reached.map((step, at) => `${lines[at]}\n${hintOf(step)}`).join("");
}

function hintOf({ hint }: DoctorStep): string {
  return hint === undefined ? "" : `         ${visible(hint)}\n`;
}
