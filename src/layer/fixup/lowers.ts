import type { LayerSummary } from "../record.ts";

/**
 * Which layers of a chain, bottom first, are stacked: their positions, top first. overlayfs does not
 * look for opaque marks on the roots of layers, so those below one are left out; nor does it take a
 * layer twice, and of two the upper one has all that counts.
 */
export function stackedLayers(chain: readonly LayerSummary[]): readonly number[] {
  const stacked: number[] = [];
  const seen = new Set<string>();
  for (let position = chain.length - 1; position >= 0; position -= 1) {
    const record = chain[position];
    if (record === undefined) break;
    if (!seen.has(record.diffId)) stacked.push(position);
    seen.add(record.diffId);
    if (record.rootOpaque) break;
  }
  return stacked;
}

/** Whether overlayfs may show anything wrong: every parent described and no link downwards, and it can't. */
export function mayNeedFixup(chain: readonly LayerSummary[]): boolean {
  return chain.some(
    ({ marks }, position) => marks.links > 0 || (position > 0 && marks.implied > 0),
  );
}
