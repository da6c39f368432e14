import { createHash } from "node:crypto";
import type { IdRange } from "./id-map.ts";

/**
 * Who owns what is unpacked. `preserve`: whoever the layer says (needs root). `squash`: the caller.
 * `override-stat` and `rootless`: the caller, and the owner that the layer names stands in an
 * attribute: `user.containers.override_stat`, as libkrun and containers/storage read it, or
 * `user.rootlesscontainers`, as umoci and PRoot do.
 */
export type Ownership = "preserve" | "override-stat" | "rootless" | "squash";

export const ownerships: readonly Ownership[] = ["preserve", "override-stat", "rootless", "squash"];

/**
 * Which extended attributes of a layer are kept. `safe`: `user.*`, file capabilities and POSIX ACLs;
 * `all`: `trusted.*` and the labels of security modules too; `none`. What steers overlayfs, or forges
 * owners, is never kept.
 */
export type XattrPolicy = "safe" | "all" | "none";

export const xattrPolicies: readonly XattrPolicy[] = ["safe", "all", "none"];

/**
 * Every option that changes what an unpacked layer looks like on disk. Layers are shared between all
 * who ask for the same form, and never with anyone who asks for another.
 */
export interface LayerForm {
  readonly ownership: Ownership;
  /** Empty: ids are what the layer says. */
  readonly uidMap: readonly IdRange[];
  readonly gidMap: readonly IdRange[];
  readonly xattrs: XattrPolicy;
  /**
   * In which attributes overlayfs looks for opaque marks: root's, or anyone's (`userxattr`). `none`:
   * there are neither marks nor whiteouts for it, and such a layer is of no use to a stack.
   */
  readonly opaque: "trusted" | "user" | "none";
}

/** A folder's name: the ownership, and a hash of the rest where it is not the default. */
export function formName(form: LayerForm): string {
  const { ownership, uidMap, gidMap, xattrs, opaque } = form;
  const ranges = (map: readonly IdRange[]): number[][] =>
    map.map(({ inside, outside, size }) => [inside, outside, size]);
  const rest = JSON.stringify([ranges(uidMap), ranges(gidMap), xattrs, opaque]);
  if (rest === '[[],[],"safe","trusted"]') return ownership;
  return `${ownership}-${createHash("sha256").update(rest).digest("hex").slice(0, 12)}`;
}
