import type { ByteString } from "../../tar/byte-string.ts";
import type { XattrPolicy } from "../form.ts";

/** What becomes of an attribute that a layer brings: kept, or dropped under a name for the report. */
export function xattrVerdict(
  name: ByteString,
  policy: XattrPolicy,
): "keep" | { readonly drop: string } {
  // These steer overlayfs: redirects and opaque marks of a layer's own making.
  if (/^(?:trusted|user)\.overlay\./.test(name)) return { drop: "overlay attribute" };
  // These would forge owners for those who read them.
  if (name === OVERRIDE_STAT || name === ROOTLESS)
    return { drop: "attribute that forges an owner" };
  if (policy === "none") return { drop: "" };
  if (policy === "all" || SAFE.test(name)) return "keep";
  return { drop: `attribute ${printable(name)}` };
}

export const OVERRIDE_STAT: ByteString = "user.containers.override_stat" as ByteString;
export const ROOTLESS: ByteString = "user.rootlesscontainers" as ByteString;

const SAFE = /^(?:user\..|security\.capability$|system\.posix_acl_(?:access|default)$)/;

/** Names come from the layer: only the known part is worth a line of its own in a report. */
function printable(name: ByteString): string {
  if (/^(?:security\.(?:selinux|ima|evm|apparmor|SMACK64))$/.test(name)) return name;
  return namespaceOf(name);
}

/** `user.*` and its like; `unknown` for what is none of them. */
export function namespaceOf(name: ByteString): string {
  const [namespace = ""] = name.split(".", 1);
  return /^(?:security|trusted|system|user)$/.test(namespace) ? `${namespace}.*` : "unknown";
}
