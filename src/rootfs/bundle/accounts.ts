import { LadingError } from "../../errors.ts";

/**
 * Reads a file of the image, resolved inside its root: at most a little more than `limit` bytes of it,
 * or undefined when it is missing or no regular file.
 */
export type ReadImageFile = (path: string, limit: number) => Uint8Array | undefined;

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The largest id that names someone: 2^32-1 means "leave as it is" to the kernel. */
export const MAX_ID: number = 2 ** 32 - 2;

const MAX_FILE_BYTES = 1024 * 1024;
/** A group with a long list of members is one line. */
const MAX_LINE_LENGTH = 64 * 1024;

export function readAccounts(read: ReadImageFile): readonly Account[] {
  return lines(read, "/etc/passwd").flatMap((line) => {
    const [name = "", , uid = "", gid = "", , home = ""] = line.split(":");
    const ids = { uid: parseId(uid), gid: parseId(gid) };
    if (name === "" || ids.uid === undefined || ids.gid === undefined) return [];
    return [{ name, uid: ids.uid, gid: ids.gid, home }];
  });
}

export function readGroups(read: ReadImageFile): readonly Group[] {
  return lines(read, "/etc/group").flatMap((line) => {
    const [name = "", , id = "", members = ""] = line.split(":");
    const gid = parseId(id);
    if (name === "" || gid === undefined) return [];
    return [{ name, gid, members: members.split(",").map((member) => member.trim()) }];
  });
}

/** A line whose number is none, or too large, is skipped: read as 0 it would make a root. */
export function parseId(text: string): number | undefined {
  const id = /^\d{1,20}$/.test(text) ? Number(text) : Number.NaN;
  return id <= MAX_ID ? id : undefined;
}

function lines(read: ReadImageFile, path: string): readonly string[] {
  const bytes = read(path, MAX_FILE_BYTES);
  if (bytes === undefined) return [];
  if (bytes.byteLength > MAX_FILE_BYTES) {
    throw new LadingError(
      "limit-exceeded",
      `the image's ${path} is larger than ${MAX_FILE_BYTES} bytes`,
      { hint: "name the user by number, as uid:gid" },
    );
  }
  return new TextDecoder()
    .decode(bytes)
    .split("\n")
    .filter((line) => line.length <= MAX_LINE_LENGTH)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#") && !line.includes("\0"));
}
