import type { ByteString } from "../../tar/byte-string.ts";
import { type ExactDirectory, ExactLeaf } from "./exact-node.ts";
import { isSamePlace, type LayerSource, type Place } from "./layer-source.ts";
import { type ViewDirectory, type ViewNode, viewChildren } from "./overlay-view.ts";

/** What has to lie on top of a stack so that it shows the exact tree. */
export type Fix =
  | { readonly type: "whiteout" }
  | { readonly type: "leaf"; readonly leaf: ExactLeaf }
  /** All of a directory, where the stack has none. */
  | { readonly type: "whole"; readonly directory: ExactDirectory }
  | FixedDirectory;

/** A directory that both have. */
export interface FixedDirectory {
  readonly type: "directory";
  readonly attributes: Place;
  readonly children: ReadonlyMap<ByteString, Fix>;
}

/** Files by their layer and inode that have to stand under all their names anew. */
export type Relinked = ReadonlyMap<LayerSource, ReadonlySet<number>>;

/** `undefined` when the stack shows the directory as it is. */
export function difference(
  exact: ExactDirectory,
  view: ViewDirectory,
  relinked: Relinked,
): FixedDirectory | undefined {
  if (isUntouched(exact, view, relinked)) return undefined;
  const children = new Map<ByteString, Fix>();
  const shown = viewChildren(view);
  for (const [name, node] of exact.children) {
    const fix = fixOf(node, shown.get(name), relinked);
    if (fix !== undefined) children.set(name, fix);
  }
  for (const name of shown.keys()) {
    if (!exact.children.has(name)) children.set(name, { type: "whiteout" });
  }
  const { attributes } = exact;
  const [top] = view.places;
  const sameAttributes = top !== undefined && isSamePlace(attributes, top);
  if (children.size === 0 && sameAttributes) return undefined;
  return { type: "directory", attributes, children };
}

function fixOf(
  node: ExactDirectory | ExactLeaf,
  shown: ViewNode | undefined,
  relinked: Relinked,
): Fix | undefined {
  if (node instanceof ExactLeaf) {
    const same = shown?.type === "leaf" && isSamePlace(node.place, shown.place);
    return same && !isRelinked(node, relinked) ? undefined : { type: "leaf", leaf: node };
  }
  if (shown?.type === "directory") return difference(node, shown, relinked);
  return { type: "whole", directory: node };
}

/** Nobody has looked into it, nor had to, and the stack has it from the same one place. */
function isUntouched(
  { untouched }: ExactDirectory,
  { places }: ViewDirectory,
  relinked: Relinked,
): boolean {
  const [only, ...others] = places;
  if (untouched === undefined || only === undefined || others.length > 0) return false;
  const { layer, path } = untouched;
  if (relinked.has(layer) || layer.linkParents.has(path)) return false;
  return isSamePlace(untouched, only);
}

function isRelinked({ isShared, place }: ExactLeaf, relinked: Relinked): boolean {
  if (isShared) return true;
  const inodes = relinked.get(place.layer);
  return inodes?.has(place.layer.stat(place.path).ino) ?? false;
}
