import { randomBytes } from "node:crypto";
import { readdir, realpath, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { errno, onDisk } from "../../disk/disk-error.ts";
import { makeFolders } from "../../disk/folder.ts";
import { removeSlowly } from "../../disk/tree/open-tree.ts";
import { LadingError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Platform } from "../../oci/platform.ts";
import { mountBind, mountOverlay } from "../../rootfs/overlay/mount.ts";
import { makeMountFolder } from "../../rootfs/overlay/mount-folder.ts";
import { type MountRecord, writeMountRecord } from "../../store/mounts/mount-record.ts";
import type { Session } from "../session.ts";
import { lockTarget } from "../unpack/unpack.ts";
import { mountSource, recordAt, unmountRecord } from "./mounted.ts";
import { type ImageStack, type OverlayOptions, withStack } from "./overlay-stack.ts";

export interface MountOptions extends OverlayOptions {
  /** What is written is kept apart, until it is unmounted. Default false: read-only. */
  readonly rw?: boolean | undefined;
}

export interface MountResult {
  readonly id: string;
  readonly reference: string;
  readonly digest: Digest;
  /** Of the image manifest that was unpacked. */
  readonly manifest: Digest;
  readonly platform: Platform;
  /** Where the root filesystem is seen. */
  readonly path: string;
  readonly writable: boolean;
  /** Of the lease that keeps its layers until it is unmounted. */
  readonly lease: string;
  /** Bytes that came over the wire. */
  readonly transferred: number;
  readonly ms: number;
}

/** Mounts an image's root filesystem on an empty directory; as root. */
export async function mount(
  session: Session,
  text: string,
  directory: string,
  options: MountOptions = {},
): Promise<MountResult> {
  checkRoot();
  const started = session.clock.now();
  const { layout } = await session.store();
  const path = await settled(directory);
  if (`${path}${sep}`.startsWith(`${layout.root}${sep}`)) throw inStore(path);
  const lock = await lockTarget(session, path, session.operation(options));
  try {
    await refuseMounted(session, path);
    const made = await prepareTarget(path);
    try {
      return await withStack(session, text, options, async (stack) => {
        const record = await mountStack(session, stack, {
          path,
          made,
          writable: options.rw ?? false,
        });
        return mountResult(stack, record, session.clock.now() - started);
      });
    } catch (error) {
      if (made) await rmdir(path).catch(() => {});
      throw error;
    }
  } finally {
    lock.release();
  }
}

async function mountStack(
  session: Session,
  stack: ImageStack,
  target: Pick<MountRecord, "path" | "made" | "writable">,
): Promise<MountRecord & { readonly lease: string }> {
  const store = await session.store();
  const { kernel } = await session.layers();
  if (kernel === undefined) throw new LadingError("internal", "a stack without native calls");
  const { path, writable } = target;
  const id = randomBytes(6).toString("hex");
  const folderPath = join(store.layout.mounts, id);
  const { id: lease } = await stack.lease({ kind: "mount", path });
  try {
    const folder = await makeMountFolder(folderPath, stack.lower, { writable, kernel });
    // One layer is a root filesystem already, unless it holds whiteouts: those only overlayfs hides.
    const plain = !writable && stack.lower.length < 2 && !stack.hasWhiteouts;
    const { reference, digest, chain, userxattr } = stack;
    const kind = plain ? "bind" : "overlay";
    const created = session.clock.now();
    const image = { id, reference, digest, chain };
    const record = { ...image, ...target, kind, lease, process: undefined, created } as const;
    await writeMountRecord(store.layout, record);
    if (plain) mountBind(kernel, stack.lower[0] ?? folder.empty, path);
    else mountOverlay(kernel, { folder, target: path, source: mountSource(id), userxattr });
    return record;
  } catch (error) {
    await removeSlowly(store.layout.mounts, id).catch(() => {});
    await store.removeLease(lease);
    throw error;
  }
}

function mountResult(
  { reference, digest, manifest, platform, transferred }: ImageStack,
  { id, path, writable, lease }: MountRecord & { readonly lease: string },
  ms: number,
): MountResult {
  const image = { reference, digest, manifest, platform };
  return { id, ...image, path, writable, lease, transferred, ms };
}

/** A record of a mount that is gone (another boot, or unmounted by hand) is cleared away. */
async function refuseMounted(session: Session, path: string): Promise<void> {
  const { layout } = await session.store();
  const known = await recordAt(layout, path);
  if (known === undefined) return;
  if (await known.isMounted()) {
    throw new LadingError("disk", `${known.record.reference} is mounted there already`, {
      path,
      hint: `unmount it first: lading umount ${path}`,
    });
  }
  if (known.record.writable) {
    throw new LadingError("disk", "what was written to an earlier mount there is still kept", {
      path,
      hint: `end that mount first: lading umount ${path} (--keep keeps what was written)`,
    });
  }
  await unmountRecord(session, known.record, {});
}

/** True when the directory had to be made. */
async function prepareTarget(path: string): Promise<boolean> {
  return onDisk("looking at the directory to mount on", path, async () => {
    const found = await stat(path).catch((error: unknown) => {
      if (errno(error) === "ENOENT") return undefined;
      throw error;
    });
    if (found === undefined) {
      await makeFolders(path, 0o755);
      return true;
    }
    if (!found.isDirectory()) throw notEmpty(path, "is no directory");
    if ((await readdir(path)).length > 0) throw notEmpty(path, "is not empty");
    return false;
  });
}

async function settled(directory: string): Promise<string> {
  const path = resolve(directory);
  return realpath(path).catch(async () => {
    const parent = await realpath(dirname(path)).catch(() => dirname(path));
    return join(parent, basename(path));
  });
}

function checkRoot(): void {
  if (process.platform === "linux" && process.geteuid?.() === 0) return;
  throw new LadingError("unsupported", "only root can mount for all to see", {
    hint: "run what needs it with: lading mount REFERENCE -- COMMAND; or lading unpack REFERENCE DIRECTORY",
  });
}

function inStore(path: string): LadingError {
  return new LadingError("usage", "an image can't be mounted inside the store", { path });
}

function notEmpty(path: string, why: string): LadingError {
  return new LadingError("disk", `what to mount on ${why}`, {
    path,
    hint: "name an empty directory, or one that is not there",
  });
}
