import { LadingError } from "../errors.ts";

/** Runs file system work; what the system refuses becomes a `disk` error that says what it was for. */
export async function onDisk<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, doing, path);
  }
}

export function diskError(error: unknown, doing: string, path: string): unknown {
  const code = errno(error);
  if (error instanceof LadingError || code === undefined) return error;
  const [why, hint] = REASONS[code] ?? [code, undefined];
  return new LadingError("disk", `${doing}: ${why}`, { path, hint, cause: error });
}

/** `ENOENT` and the like; `undefined` for what is not a system error. */
export function errno(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

const REASONS: Readonly<Record<string, readonly [string, string?]>> = {
  ENOSPC: ["the disk is full", "free some space (lading store gc), or choose another --root"],
  EDQUOT: ["the disk quota is used up", "free some space, or choose another --root"],
  EACCES: ["permission denied", "choose a folder of your own with --root"],
  EPERM: ["not permitted", "choose a folder of your own with --root"],
  EROFS: ["the file system is read-only", "choose a writable folder with --root"],
  ENOTDIR: ["a part of the path is not a folder", "choose a folder with --root"],
  EEXIST: ["something else is in its place", "choose a folder with --root"],
  EISDIR: ["it is a folder"],
  ELOOP: [
    "it is a symbolic link, which the store never follows",
    "put the file itself in its place",
  ],
  ENOENT: ["it does not exist"],
  EMFILE: ["too many open files", "raise the limit (ulimit -n), or lower --concurrency"],
  ENFILE: ["the system has too many open files"],
  EIO: ["the device reports an input/output error", "check the disk"],
};
