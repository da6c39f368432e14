import { throwIfAborted } from "../../errors.ts";
import { parseImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { Layout } from "../layout.ts";
import { readDocument } from "../names/document.ts";

/**
 * The layers of each config, bottom first. One that is not there, or is damaged, has none: nothing can
 * be run from it, and layers can be made again.
 */
export async function chainsOf(
  layout: Layout,
  configs: readonly Descriptor[],
  signal: AbortSignal | undefined,
): Promise<readonly (readonly DiffId[])[]> {
  const chains: (readonly DiffId[])[] = [];
  for (const config of configs) {
    throwIfAborted(signal);
    try {
      chains.push(parseImageConfig(await readDocument(layout, config)).diffIds);
    } catch {}
  }
  return chains;
}

/** A chain as one name. */
export function chainKey(chain: readonly DiffId[]): string {
  return chain.join(" ");
}
