import { LadingError } from "../../errors.ts";
import {
  type Account,
  type Group,
  MAX_ID,
  parseId,
  type ReadImageFile,
  readAccounts,
  readGroups,
} from "./accounts.ts";

/** Whom a container runs as. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Only for a user given by name, and without a group. */
  readonly additionalGids: readonly number[];
  /** As the image's passwd has it; `/` when it says nothing usable. */
  readonly home: string;
}

/** NGROUPS_MAX of Linux. */
const MAX_GROUPS = 65536;

/**
 * Resolves a config's `User` (`""`, `uid`, `user`, `uid:gid`, `user:group`, …) in the image's own
 * `/etc/passwd` and `/etc/group`. A number is never looked up as a name; no user means root.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/conversion.md#configuser
 */
export function resolveUser(read: ReadImageFile, text: string): ResolvedUser {
  const colon = text.indexOf(":");
  const who = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? "" : text.slice(colon + 1);
  // Two numbers need no files; should those be huge or broken, that is still a way to run.
  const uid = who === "" ? 0 : numeric(who, "user");
  const gid = group === "" ? undefined : (numeric(group, "group") ?? groupNamed(read, group).gid);
  const account = uid === undefined ? accountNamed(read, who) : accountOf(read, uid, gid);
  const wantsGroups = account !== undefined && group === "" && (uid === undefined || who === "");
  return {
    uid: uid ?? account?.uid ?? 0,
    gid: gid ?? account?.gid ?? 0,
    additionalGids: wantsGroups ? groupsWith(read, account.name) : [],
    home: account?.home.startsWith("/") ? account.home : "/",
  };
}

/** Undefined for what is a name; out of range is refused, never wrapped (CVE-2024-40635). */
function numeric(text: string, kind: "user" | "group"): number | undefined {
  if (!/^[-+]?\d+$/.test(text)) return undefined;
  const id = parseId(text);
  if (id !== undefined) return id;
  const shown = text.slice(0, 40);
  throw new LadingError("malformed", `the image's ${kind} id ${shown} is not in 0–${MAX_ID}`, {
    hint: "run it as another user: give the bundle a user of your own",
  });
}

function accountNamed(read: ReadImageFile, name: string): Account {
  const account = readAccounts(read).find((one) => one.name === name);
  if (account === undefined) throw unknown("user", name, "/etc/passwd");
  return account;
}

/** Of a number it is only the group and the home that passwd may add. */
function accountOf(read: ReadImageFile, uid: number, gid?: number): Account | undefined {
  try {
    return readAccounts(read).find((one) => one.uid === uid);
  } catch (error) {
    const tooLarge = error instanceof LadingError && error.code === "limit-exceeded";
    if (gid !== undefined && tooLarge) return undefined;
    throw error;
  }
}

function groupNamed(read: ReadImageFile, name: string): Group {
  const group = readGroups(read).find((one) => one.name === name);
  if (group === undefined) throw unknown("group", name, "/etc/group");
  return group;
}

function groupsWith(read: ReadImageFile, member: string): readonly number[] {
  const groups = readGroups(read).filter(({ members }) => members.includes(member));
  const gids = [...new Set(groups.map(({ gid }) => gid))];
  if (gids.length <= MAX_GROUPS) return gids;
  throw new LadingError("limit-exceeded", `the image's user is in ${gids.length} groups`, {
    hint: "name the user by number, as uid:gid",
  });
}

function unknown(kind: "user" | "group", name: string, file: string): LadingError {
  const shown = JSON.stringify(name.slice(0, 80));
  return new LadingError("malformed", `the image has no ${kind} ${shown} in its ${file}`, {
    hint: "the image was published broken; run it as another user, uid:gid for example",
  });
}
