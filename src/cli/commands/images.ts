import { shortDigest } from "../../oci/digest.ts";
import { formatPlatform } from "../../oci/platform.ts";
import type { StoredImage } from "../../store/types.ts";
import type { CommandDefinition } from "../command.ts";
import { storedImageDocument } from "../print/documents.ts";
import { formatAge, formatBytes, formatTable, visible } from "../print/format.ts";

export const images: CommandDefinition = {
  description: `Lists what is in the local store: each name, the platforms that are complete, what it takes on
disk and when it was pulled. An image that lost its name is kept until the next store gc.`,
  examples: [
    { command: "lading images", explains: "as a table" },
    { command: "lading images --json", explains: "in full, layers and digests too" },
    { command: "lading images --root /srv/images", explains: "of another store" },
  ],
  doing: () => "list the images of the store",
  async run(invocation) {
    const { settings, output, signal } = invocation;
    const onEvent = await invocation.watch("other");
    const stored = await (await invocation.open()).images({ signal, onEvent });
    invocation.endWatch();
    if (settings.json) {
      await output.json({ images: stored.map(storedImageDocument) });
      return;
    }
    if (stored.length === 0)
      invocation.note("the store has no images; bring one with: lading pull");
    else await output.write(formatTable([HEADING, ...stored.map(row)]));
  },
};

const HEADING = ["REFERENCE", "DIGEST", "PLATFORMS", "SIZE", "PULLED"];

function row({ reference, descriptor, manifests, size, pulledAt }: StoredImage): string[] {
  const platforms = manifests.map(({ platform }) => visible(formatPlatform(platform)));
  return [
    reference === undefined ? "(no name)" : visible(reference),
    shortDigest(descriptor.digest),
    platforms.join(", "),
    formatBytes(size),
    pulledAt === undefined ? "" : formatAge(Date.now() - pulledAt),
  ];
}
