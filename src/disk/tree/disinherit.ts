import { chmodSync, chownSync, statSync } from "node:fs";
import type { ByteString } from "../../tar/byte-string.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Directory } from "./directory.ts";

const DOT = "." as ByteString;
const ACLS = ["system.posix_acl_default", "system.posix_acl_access"];

/**
 * Takes from a new directory what it has of its parent: a group by setgid, a default ACL. Each would
 * go on to all that is made in it. Without the native calls an ACL stays: Node has no way to see it.
 */
export function disinherit(directory: Directory, kernel: Kernel | undefined): void {
  const { uid, gid, mode } = statSync(directory.self);
  const [ownUid, ownGid] = [process.geteuid?.() ?? uid, process.getegid?.() ?? gid];
  if (uid !== ownUid || gid !== ownGid) chownSync(directory.self, ownUid, ownGid);
  if ((mode & 0o7777) !== 0o700) chmodSync(directory.self, 0o700);
  if (kernel === undefined) return;
  const at = directory.at(DOT);
  for (const name of kernel.listXattrs(at)) {
    if (ACLS.includes(name)) kernel.removeXattr(at, name);
  }
}
