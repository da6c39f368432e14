import { statfs } from "node:fs/promises";
import type { OperationOptions } from "../../content/events.ts";
import { bootId } from "../../disk/boot-id.ts";
import type { NameFolding } from "../../disk/name-folding.ts";
import { LadingError } from "../../errors.ts";
import type { UnpackSettings } from "../../layer/engine/layer-unpack.ts";
import { formName, type LayerForm, type Ownership, type XattrPolicy } from "../../layer/form.ts";
import { checkIdMap, type IdRange } from "../../layer/id-map.ts";
import { DISK_RESERVE, type UnpackLimits, unpackLimits } from "../../layer/limits.ts";

/** How layers become files. What changes the files is a form of its own in the store's cache. */
export interface LayerOptions {
  /** Default: `preserve` as root, else `squash`. */
  readonly ownership?: Ownership | undefined;
  /** Where ids of the image are on the disk. Default: where they say. */
  readonly uidMap?: readonly IdRange[] | undefined;
  readonly gidMap?: readonly IdRange[] | undefined;
  /** Default `safe`. */
  readonly xattrs?: XattrPolicy | undefined;
  readonly limits?: Partial<UnpackLimits> | undefined;
  /** Sync every file to the disk before the layer counts as whole. Default false. */
  readonly sync?: boolean | undefined;
}

export interface OverlaySupport {
  readonly nodes: boolean;
  readonly namespace: "trusted" | "user";
}

/** The options as the workers take them, for a disk on which `folder` is. */
export async function unpackSettings(
  options: LayerOptions & OperationOptions,
  folder: string,
  disk: { readonly folding: NameFolding; readonly overlay: OverlaySupport },
): Promise<UnpackSettings> {
  const { nodes, namespace } = disk.overlay;
  const form = layerForm(options, nodes ? namespace : "none");
  return {
    form,
    formName: formName(form),
    limits: await limitsFor(folder, options.limits ?? {}),
    overlayNodes: nodes,
    folding: disk.folding,
    sync: options.sync ?? false,
    bootId: bootId() ?? "",
  };
}

function layerForm(
  {
    ownership,
    uidMap = [],
    gidMap = [],
    xattrs = "safe",
    onEvent,
  }: LayerOptions & OperationOptions,
  opaque: LayerForm["opaque"],
): LayerForm {
  checkIdMap(uidMap);
  checkIdMap(gidMap);
  const root = process.geteuid?.() === 0;
  if (ownership === "preserve" && !root) {
    throw new LadingError("usage", "only root can give files to their owners", {
      hint: "leave --ownership out, or record owners with --ownership override-stat or rootless",
    });
  }
  if (ownership === undefined && !root) {
    const message = "not root: every file will be yours (--ownership says what else there is)";
    onEvent?.({ type: "warning", code: "unpack", message });
  }
  return { ownership: ownership ?? (root ? "preserve" : "squash"), uidMap, gidMap, xattrs, opaque };
}

/** Without a limit of the caller's, a layer may fill the disk up to a reserve. */
async function limitsFor(folder: string, given: Partial<UnpackLimits>): Promise<UnpackLimits> {
  const limits = { ...unpackLimits, ...given };
  if (limits.maxBytes !== undefined) return limits;
  const disk = await statfs(folder).catch(() => undefined);
  if (disk === undefined) return limits;
  return { ...limits, maxBytes: Math.max(0, disk.bavail * disk.bsize - DISK_RESERVE) };
}
