import { shortDigest } from "../../../oci/digest.ts";
import type { StoredLease } from "../../../store/types.ts";
import type { CommandDefinition } from "../../command.ts";
import { leaseDocument } from "../../print/documents.ts";
import { formatAge, formatTable, visible } from "../../print/format.ts";

export const leaseLs: CommandDefinition = {
  description: `Lists the leases that keep images, and their unpacked layers, from store gc though their names may
be gone: of mounts, bundles and overlay stacks, until umount or lease rm ends them, and those that
a program gave a time.`,
  examples: [
    { command: "lading lease ls", explains: "as a table" },
    { command: "lading lease ls --json", explains: "in full" },
  ],
  doing: () => "list the leases of the store",
  async run(invocation) {
    const { settings, output } = invocation;
    const leases = await (await invocation.open()).leases();
    if (settings.json) await output.json({ leases: leases.map(leaseDocument) });
    else if (leases.length === 0) invocation.note("the store has no leases");
    else await output.write(formatTable([HEADING, ...leases.map(row)]));
  },
};

const HEADING = ["ID", "FOR", "DIGEST", "AGE", "TARGET"];

function row({ id, kind, path, exists, digests, created, expires }: StoredLease): string[] {
  const target = exists === undefined ? "" : exists ? "there" : "gone";
  const until = expires === undefined ? "" : ` until ${new Date(expires).toISOString()}`;
  return [
    id,
    path === undefined ? `${kind}${until}` : `${kind} ${visible(path)}`,
    digests.map(shortDigest).join(", "),
    created === undefined ? "" : formatAge(Date.now() - created),
    target,
  ];
}
