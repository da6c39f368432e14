import { rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { onDisk } from "../../disk/disk-error.ts";
import { removeSlowly } from "../../disk/tree/open-tree.ts";
import { LadingError } from "../../errors.ts";
import { unmount } from "../../rootfs/overlay/mount.ts";
import { upperOf } from "../../rootfs/overlay/mount-folder.ts";
import { mountTable } from "../../rootfs/overlay/mount-table.ts";
import type { Layout } from "../../store/layout.ts";
import { type MountRecord, readMountRecords } from "../../store/mounts/mount-record.ts";
import type { Session } from "../session.ts";

/** A mount of ours, by the directory that it is on. */
export async function recordAt(
  layout: Layout,
  path: string,
): Promise<{ readonly record: MountRecord; isMounted(): Promise<boolean> } | undefined> {
  const records = await readMountRecords(layout);
  const record = records.find((known) => known.path === path && known.process === undefined);
  return record && { record, isMounted: () => isMounted(layout, record) };
}

/** Undoes a mount: what is left of it, if it is gone already. The caller has the lock of its path. */
export async function unmountRecord(
  session: Session,
  record: MountRecord,
  { keep = false }: { readonly keep?: boolean | undefined },
): Promise<{ readonly wasMounted: boolean; readonly upper: string | undefined }> {
  const store = await session.store();
  const { layout } = store;
  const wasMounted = await isMounted(layout, record);
  if (wasMounted) {
    const { kernel } = await session.layers();
    if (kernel === undefined) throw noKernel(record.path);
    unmount(kernel, record.path);
  }
  const folder = join(layout.mounts, record.id);
  const kept = keep && record.writable ? upperOf(folder) : undefined;
  if (kept === undefined) {
    await onDisk("removing a mount's folder", folder, () => removeSlowly(layout.mounts, record.id));
  } else await rm(join(folder, "mount.json"), { force: true });
  if (record.lease !== undefined) await store.removeLease(record.lease);
  if (record.made) await rmdir(record.path).catch(() => {});
  return { wasMounted, upper: kept };
}

/** How the table of mounts tells one of ours from what others mount. */
export function mountSource(id: string): string {
  return `lading-${id}`;
}

async function isMounted(layout: Layout, { id, kind, path }: MountRecord): Promise<boolean> {
  const there = (await mountTable()).filter((mounted) => mounted.path === path).at(-1);
  if (there === undefined) return false;
  if (kind === "overlay") return there.source === mountSource(id);
  // A bind mount shows the layer itself.
  const links = join(layout.mounts, id, "l");
  const [shown, layer] = await Promise.all([
    stat(path),
    stat(join(links, "0")).catch(() => stat(join(links, "-0"))),
  ]).catch(() => []);
  return shown !== undefined && shown.dev === layer?.dev && shown.ino === layer.ino;
}

function noKernel(path: string): LadingError {
  return new LadingError("unsupported", "unmounting needs system calls that Node lacks", {
    path,
    hint: `install the optional package koffi, or run: umount ${path}`,
  });
}
