import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import type { Session } from "../session.ts";
import { lockTarget } from "../unpack/unpack.ts";
import { recordAt, unmountRecord } from "./mounted.ts";

export interface UmountOptions extends OperationOptions {
  /** Keep what was written to the mount. Default false. */
  readonly keep?: boolean | undefined;
}

export interface UmountResult {
  readonly id: string;
  readonly reference: string;
  readonly path: string;
  /** False when it was gone already: by hand, or since the machine started anew. */
  readonly wasMounted: boolean;
  /** With `keep`: where what was written is; the caller's own from now on. */
  readonly upper: string | undefined;
}

/** Undoes a mount of ours, and ends its lease. */
export async function umount(
  session: Session,
  directory: string,
  options: UmountOptions = {},
): Promise<UmountResult> {
  const path = await realpath(directory).catch(() => resolve(directory));
  const lock = await lockTarget(session, path, session.operation(options));
  try {
    const { layout } = await session.store();
    const known = await recordAt(layout, path);
    if (known === undefined) {
      throw new LadingError("not-found", "nothing of this store is mounted there", {
        path,
        hint: "see what is with: lading lease ls",
      });
    }
    const { id, reference } = known.record;
    return { id, reference, path, ...(await unmountRecord(session, known.record, options)) };
  } finally {
    lock.release();
  }
}
