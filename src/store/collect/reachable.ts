import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { children, parseManifest } from "../../oci/manifest.ts";
import { isManifestType } from "../../oci/media-types.ts";
import type { Layout } from "../layout.ts";
import { isMissing, readDocument } from "../names/document.ts";

/**
 * Every digest below the roots, those that are not there included. A manifest that is there but can't
 * be understood stops the walk with its error: what it needs is unknown, so nothing may be deleted.
 */
export async function reachable(
  layout: Layout,
  roots: readonly Descriptor[],
): Promise<ReadonlySet<Digest>> {
  const reached = new Set<Digest>();
  const queue = [...roots];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (reached.has(next.digest)) continue;
    reached.add(next.digest);
    if (isManifestType(next.mediaType)) queue.push(...(await below(layout, next)));
  }
  return reached;
}

async function below(layout: Layout, descriptor: Descriptor): Promise<readonly Descriptor[]> {
  const bytes = await readDocument(layout, descriptor).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (bytes === undefined) return [];
  return children(parseManifest(bytes, { mediaType: descriptor.mediaType }));
}
