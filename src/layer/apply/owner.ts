import type { ByteString } from "../../tar/byte-string.ts";
import type { ReadEntry } from "../../tar/read-entry.ts";
import type { LayerForm } from "../form.ts";
import { mapId } from "../id-map.ts";
import { OVERRIDE_STAT, ROOTLESS } from "./xattrs.ts";

/** Whose a thing will be on disk, with which mode, and what is written about it in an attribute. */
export interface DiskOwner {
  /** `undefined`: whoever makes it. */
  readonly ids: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode: number;
  readonly note: { readonly name: ByteString; readonly value: Uint8Array } | undefined;
}

/** What of an entry decides about its owner. */
export type Owned = Pick<ReadEntry, "type" | "uid" | "gid" | "mode" | "device">;

export function diskOwner(entry: Owned, form: LayerForm): DiskOwner {
  const uid = mapId(form.uidMap, entry.uid, "uid");
  const gid = mapId(form.gidMap, entry.gid, "gid");
  const { mode } = entry;
  switch (form.ownership) {
    case "preserve":
      return { ids: { uid, gid }, mode, note: undefined };
    case "squash":
      return { ids: undefined, mode, note: undefined };
    case "rootless":
      return { ids: undefined, mode, note: rootlessNote(uid, gid) };
    case "override-stat":
      return { ids: undefined, mode: reachable(entry), note: overrideNote(entry, uid, gid) };
  }
}

/** The real mode stands in the attribute; on disk the owner must be able to get at it. */
function reachable({ type, mode }: Owned): number {
  return (mode & 0o777) | (type === "directory" ? 0o700 : 0o600);
}

/** `uid:gid:0mode`, of containers/storage; what a placeholder stands for comes behind it. */
function overrideNote(entry: Owned, uid: number, gid: number): DiskOwner["note"] {
  const { type, device } = entry;
  const short = type === "character-device" ? "char" : "block";
  const isDevice = type === "character-device" || type === "block-device";
  const what = isDevice ? `:${short}-${device.major}-${device.minor}` : "";
  const text = `${uid}:${gid}:0${entry.mode.toString(8)}${what}`;
  return { name: OVERRIDE_STAT, value: new TextEncoder().encode(text) };
}

/** The message Resource of rootlesscontainers.proto: uid is field 1, gid field 2, zero is left out. */
function rootlessNote(uid: number, gid: number): DiskOwner["note"] {
  if (uid === 0 && gid === 0) return undefined;
  const value = Uint8Array.from([...varintField(1, uid), ...varintField(2, gid)]);
  return { name: ROOTLESS, value };
}

function varintField(field: number, value: number): number[] {
  if (value === 0) return [];
  const bytes = [field << 3];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}
