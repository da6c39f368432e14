import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { digestHex } from "../../src/oci/digest.ts";
import type { MadeContent } from "../../src/testkit/index.ts";

/** Writes made content as an OCI layout, from which skopeo pushes. */
export function writeLayout(
  folder: string,
  content: MadeContent,
  names: Readonly<Record<string, Descriptor>>,
): void {
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  for (const [digest, bytes] of content.blobs) {
    writeFileSync(join(folder, "blobs", "sha256", digestHex(digest)), bytes);
  }
  const manifests = Object.entries(names).map(([name, descriptor]) => ({
    ...descriptor,
    annotations: { "org.opencontainers.image.ref.name": name },
  }));
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}
