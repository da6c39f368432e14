import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { onDisk } from "../../disk/disk-error.ts";
import { tryLock } from "../../disk/lock.ts";
import { processIdentity } from "../../disk/process-identity.ts";
import { removeSlowly } from "../../disk/tree/open-tree.ts";
import { abortedError, LadingError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { type MountFolder, makeMountFolder } from "../../rootfs/overlay/mount-folder.ts";
import { runInMount } from "../../rootfs/overlay/run.ts";
import type { Layout } from "../../store/layout.ts";
import {
  isOver,
  type MountRecord,
  readMountRecords,
  writeMountRecord,
} from "../../store/mounts/mount-record.ts";
import type { Session } from "../session.ts";
import type { MountOptions } from "./mount.ts";
import { type ImageStack, withStack } from "./overlay-stack.ts";

export interface RunOptions extends MountOptions {
  /** Called when the command starts, with a way to send it signals. */
  readonly onStart?: ((kill: (signal: NodeJS.Signals) => void) => void) | undefined;
}

export interface RunResult {
  readonly reference: string;
  readonly digest: Digest;
  /** How the command ended: its exit code, or the signal that ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Runs a command that sees an image's root filesystem, in its working directory and in `LADING_ROOTFS`,
 * in namespaces of its own; who is not root needs user namespaces. Nothing of it is left, nor of what
 * was written to it.
 */
export async function runMounted(
  session: Session,
  text: string,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  if (command.length === 0) throw new LadingError("usage", "there is no command to run");
  const { layout } = await session.store();
  await sweepRuns(layout);
  const prepared = await withStack(session, text, options, (stack) =>
    prepare(session, stack, options.rw ?? false),
  );
  const { folder, record, userxattr } = prepared;
  const { signal } = options;
  try {
    const ended = await runInMount({
      folder,
      target: record.path,
      userxattr,
      command,
      signal,
      // From now on the layers are needed for as long as it lives, even without us.
      onStarted: async ({ pid, kill }) => {
        options.onStart?.(kill);
        await writeMountRecord(layout, { ...record, process: await processOf(pid) });
      },
    });
    if (signal?.aborted) throw abortedError(signal);
    return { reference: record.reference, digest: record.digest, ...ended };
  } finally {
    await removeSlowly(layout.mounts, record.id);
  }
}

interface Prepared {
  readonly folder: MountFolder;
  readonly record: MountRecord;
  readonly userxattr: boolean;
}

async function prepare(session: Session, stack: ImageStack, writable: boolean): Promise<Prepared> {
  const { layout } = await session.store();
  const { kernel } = await session.layers();
  const id = randomBytes(6).toString("hex");
  const path = join(layout.mounts, id);
  try {
    const folder = await makeMountFolder(path, stack.lower, { writable, kernel });
    const target = join(path, "rootfs");
    await onDisk("making room for a mount", target, () => mkdir(target, { mode: 0o755 }));
    const { reference, digest, chain, userxattr } = stack;
    const record: MountRecord = {
      id,
      reference,
      digest,
      path: target,
      chain,
      writable,
      kind: "overlay",
      made: false,
      lease: undefined,
      process: await processOf(process.pid),
      created: session.clock.now(),
    };
    await writeMountRecord(layout, record);
    return { folder, record, userxattr };
  } catch (error) {
    await removeSlowly(layout.mounts, id).catch(() => {});
    throw error;
  }
}

/** What runs left whose process was killed together with us. */
async function sweepRuns(layout: Layout): Promise<void> {
  const lock = await tryLock(layout.lock("mounts"), "exclusive");
  if (lock === undefined) return;
  try {
    for (const record of await readMountRecords(layout)) {
      if (await isOver(record)) await removeSlowly(layout.mounts, record.id);
    }
  } finally {
    lock.release();
  }
}

async function processOf(pid: number): Promise<NonNullable<MountRecord["process"]>> {
  return { pid, identity: (await processIdentity(pid)) ?? "" };
}
