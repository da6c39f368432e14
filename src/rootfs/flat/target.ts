import { createHash } from "node:crypto";
import { access, constants, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { errno, onDisk } from "../../disk/disk-error.ts";
import { makeFolders } from "../../disk/folder.ts";
import { LadingError } from "../../errors.ts";

/** Where a root filesystem is to be, and where it is made until it is whole. */
export interface FlatTarget {
  readonly path: string;
  /**
   * `renamed`: made beside the target, which appears in one step. `in-place`: laid over what is there,
   * on the same file system; a marker stands in it until it is whole.
   */
  readonly how: "renamed" | "in-place";
  /** The folder for the making, and how names of ours in it begin. */
  readonly workshop: string;
  readonly prefix: string;
}

/** In a folder that is being filled in place. */
export const MARKER = ".lading-incomplete";

/** What `mkfs` leaves in a new file system. */
const OF_THE_FILE_SYSTEM = "lost+found";

/**
 * Looks at the target, whose lock is held: what is in the way is an error before anything is written.
 * `owner` tells what one store left behind from what another one is at.
 */
export async function flatTarget(
  target: string,
  owner: string,
  force: boolean,
): Promise<FlatTarget> {
  const found = await folderAt(target);
  const [besideIt, inIt] = workshops(target, owner);
  const { folder: beside, prefix } = besideIt;
  if (found === undefined) {
    await onDisk("making the folder for the root filesystem", beside, () =>
      makeFolders(beside, 0o777),
    );
    return { path: target, how: "renamed", workshop: beside, prefix };
  }
  const names = await onDisk("looking into the target", target, () => readdir(target));
  const strange = names.filter(
    (name) => name !== OF_THE_FILE_SYSTEM && name !== MARKER && !name.startsWith(".lading-"),
  );
  const isMount = found.device !== (await folderAt(beside))?.device || target === beside;
  if (strange.length > 0 && !force) throw notEmpty(target, names.includes(MARKER));
  const replaceable = !isMount && names.length === 0 && (await isWritable(beside));
  if (replaceable) return { path: target, how: "renamed", workshop: beside, prefix };
  return { path: target, how: "in-place", workshop: target, prefix: inIt.prefix };
}

/** Symbolic links among the parents are the caller's own; one in the target's place is followed too. */
export async function targetPath(text: string): Promise<string> {
  const path = resolve(text);
  try {
    return await realpath(path);
  } catch {
    const parent = await realpath(dirname(path)).catch(() => dirname(path));
    return join(parent, basename(path));
  }
}

interface Workshop {
  readonly folder: string;
  readonly prefix: string;
}

/** Where a target may have been in the making: beside it, or in it. */
export function workshops(target: string, owner: string): readonly [Workshop, Workshop] {
  const mark = `lading-${createHash("sha256").update(owner).digest("hex").slice(0, 8)}-`;
  return [
    { folder: dirname(target), prefix: `.${basename(target)}.${mark}` },
    { folder: target, prefix: `.${mark}` },
  ];
}

async function folderAt(path: string): Promise<{ readonly device: number } | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return { device: found.dev };
  } catch (error) {
    if (errno(error) === "ENOENT") return undefined;
    return onDisk("looking at the target", path, () => Promise.reject(error));
  }
  throw new LadingError("disk", "the target is a file, not a folder", {
    path,
    hint: "name a folder that is not there, or an empty one",
  });
}

/** A folder in one that is not ours can be filled, but not replaced. */
function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}

export function notEmpty(path: string, interrupted: boolean): LadingError {
  const why = interrupted ? "holds what an interrupted unpack left" : "is not empty";
  return new LadingError("disk", `the target ${why}`, {
    path,
    hint: "name another folder, empty this one, or lay the image over what is there with --force",
  });
}
