import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { children, parseManifest } from "../../oci/manifest.ts";
import { isManifestType } from "../../oci/media-types.ts";
import type { Layout } from "../layout.ts";
import { isAbsent, isDamaged, readDocument } from "../names/document.ts";

/**
 * Every digest below the roots, those that are not there included. A manifest that is there but is
 * damaged, or can't be understood, stops the walk with an error: what it needs is unknown, so nothing
 * may be deleted. With `"skip"` the walk goes on without what is below it. `onReached` hears of each
 * digest once.
 */
export async function reachable(
  layout: Layout,
  roots: readonly Descriptor[],
  unreadable: "stop" | "skip" = "stop",
  onReached: (descriptor: Descriptor) => void = () => {},
): Promise<ReadonlySet<Digest>> {
  const reached = new Set<Digest>();
  const queue = [...roots];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (reached.has(next.digest)) continue;
    reached.add(next.digest);
    onReached(next);
    if (isManifestType(next.mediaType)) queue.push(...(await below(layout, next, unreadable)));
  }
  return reached;
}

async function below(
  layout: Layout,
  descriptor: Descriptor,
  unreadable: "stop" | "skip",
): Promise<readonly Descriptor[]> {
  try {
    const bytes = await readDocument(layout, descriptor);
    return children(parseManifest(bytes, { mediaType: descriptor.mediaType }));
  } catch (error) {
    if (isAbsent(error) || unreadable === "skip") return [];
    throw isDamaged(error) ? damaged(layout, descriptor, error) : error;
  }
}

function damaged(layout: Layout, { digest }: Descriptor, cause: unknown): LadingError {
  return new LadingError(
    "store-corrupt",
    "a manifest of the store is damaged, so nobody knows what it needs",
    {
      digest,
      path: layout.blob(digest),
      cause,
      hint: "move it away with: lading store verify --repair, then pull the image again",
    },
  );
}
