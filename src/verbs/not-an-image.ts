import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";

/** A helm chart, a signature, an SBOM: it has layers, and none of what an image's config tells. */
export function notAnImage({ digest }: Descriptor): LadingError {
  return new LadingError("not-found", "it is an artifact, which has no image config", {
    digest,
    hint: "look at its manifest instead: lading manifest REFERENCE",
  });
}
