import type { ByteString } from "../../tar/byte-string.ts";
import { childPlace, type LayerSource, type Place } from "./layer-source.ts";

/** What overlayfs shows of a stack of layers (kernel, overlayfs.rst). */
export type ViewNode = ViewDirectory | { readonly type: "leaf"; readonly place: Place };

export interface ViewDirectory {
  readonly type: "directory";
  /** Those that are merged, top first; the first one's attributes count. */
  readonly places: readonly Place[];
}

export function overlayRoot(lowers: readonly LayerSource[]): ViewDirectory {
  const path = "" as ByteString;
  return { type: "directory", places: lowers.map((layer) => ({ layer, path })) };
}

export function viewChildren({ places }: ViewDirectory): ReadonlyMap<ByteString, ViewNode> {
  const stacks = new Map<ByteString, Stack>();
  for (const place of places) {
    for (const [name, kind] of place.layer.children(place.path)) {
      const stack = stacks.get(name) ?? { places: [], leaf: undefined, closed: false };
      stacks.set(name, stack);
      if (stack.closed) continue;
      const child = childPlace(place, name);
      if (kind === "directory") {
        stack.places.push(child);
        stack.closed = child.layer.hides(child.path);
      } else {
        stack.closed = true;
        if (stack.places.length === 0 && kind !== "whiteout") stack.leaf = child;
      }
    }
  }
  const nodes = new Map<ByteString, ViewNode>();
  for (const [name, { places, leaf }] of stacks) {
    if (leaf !== undefined) nodes.set(name, { type: "leaf", place: leaf });
    else if (places.length > 0) nodes.set(name, { type: "directory", places });
  }
  return nodes;
}

/** What was met under one name on the way down. */
interface Stack {
  readonly places: Place[];
  leaf: Place | undefined;
  /** Nothing from further below counts. */
  closed: boolean;
}
