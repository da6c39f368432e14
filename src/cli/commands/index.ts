import type { CommandDefinition } from "../command.ts";

/** What the overview says of a command, and where the rest of it is, loaded when it is called. */
export interface CommandEntry {
  /** Words as typed: `store verify`. */
  readonly name: string;
  readonly summary: string;
  readonly group: "Images" | "Registry" | "Access" | "Store" | "Shell";
  load(): Promise<CommandDefinition>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "pull",
    summary: "bring images from their registries into the local store",
    group: "Images",
    load: async () => (await import("./pull.ts")).pull,
  },
  {
    name: "images",
    summary: "list what is in the local store",
    group: "Images",
    load: async () => (await import("./images.ts")).images,
  },
  {
    name: "inspect",
    summary: "show what an image is made of and how it wants to be run",
    group: "Images",
    load: async () => (await import("./inspect.ts")).inspect,
  },
  {
    name: "unpack",
    summary: "make a directory with the root filesystem of an image",
    group: "Images",
    load: async () => (await import("./rootfs/unpack.ts")).unpack,
  },
  {
    name: "bundle",
    summary: "make a bundle of an image that runc or crun start",
    group: "Images",
    load: async () => (await import("./rootfs/bundle.ts")).bundle,
  },
  {
    name: "mount",
    summary: "mount the root filesystem of an image, or run a command that sees it",
    group: "Images",
    load: async () => (await import("./rootfs/mount.ts")).mount,
  },
  {
    name: "umount",
    summary: "undo a mount",
    group: "Images",
    load: async () => (await import("./rootfs/umount.ts")).umount,
  },
  {
    name: "rm",
    summary: "remove names from the local store",
    group: "Images",
    load: async () => (await import("./rm.ts")).rm,
  },
  {
    name: "manifest",
    summary: "print a manifest or an index",
    group: "Registry",
    load: async () => (await import("./manifest.ts")).manifest,
  },
  {
    name: "config",
    summary: "print an image's config",
    group: "Registry",
    load: async () => (await import("./config.ts")).config,
  },
  {
    name: "config check",
    summary: "say what is wrong with the settings files",
    group: "Registry",
    load: async () => (await import("./settings/check.ts")).configCheck,
  },
  {
    name: "config show",
    summary: "show how a registry is spoken to, and which file says so",
    group: "Registry",
    load: async () => (await import("./settings/show.ts")).configShow,
  },
  {
    name: "blob",
    summary: "write a blob, or a part of one, to standard output",
    group: "Registry",
    load: async () => (await import("./blob.ts")).blob,
  },
  {
    name: "tags",
    summary: "list the tags of a repository",
    group: "Registry",
    load: async () => (await import("./tags.ts")).tags,
  },
  {
    name: "ratelimit",
    summary: "say how much one may still pull from a registry",
    group: "Registry",
    load: async () => (await import("./network/ratelimit.ts")).ratelimit,
  },
  {
    name: "doctor",
    summary: "walk through all that a pull needs, and say what is amiss",
    group: "Registry",
    load: async () => (await import("./network/doctor.ts")).doctor,
  },
  {
    name: "login",
    summary: "save who you are to a registry",
    group: "Access",
    load: async () => (await import("./access/login.ts")).login,
  },
  {
    name: "logout",
    summary: "take that away again",
    group: "Access",
    load: async () => (await import("./access/logout.ts")).logout,
  },
  {
    name: "whoami",
    summary: "say whose credentials a pull would bring, and from where",
    group: "Access",
    load: async () => (await import("./access/whoami.ts")).whoami,
  },
  {
    name: "serve",
    summary: "serve the local store as a registry",
    group: "Store",
    load: async () => (await import("./serve.ts")).serve,
  },
  {
    name: "store verify",
    summary: "hash everything again and name what is broken",
    group: "Store",
    load: async () => (await import("./store/verify.ts")).storeVerify,
  },
  {
    name: "store rebuild",
    summary: "make the catalog again from the disk alone",
    group: "Store",
    load: async () => (await import("./store/rebuild.ts")).storeRebuild,
  },
  {
    name: "store gc",
    summary: "free what neither a name nor a lease needs",
    group: "Store",
    load: async () => (await import("./store/gc.ts")).storeGc,
  },
  {
    name: "lease ls",
    summary: "list what keeps images from store gc beside their names",
    group: "Store",
    load: async () => (await import("./lease/ls.ts")).leaseLs,
  },
  {
    name: "lease rm",
    summary: "end leases",
    group: "Store",
    load: async () => (await import("./lease/rm.ts")).leaseRm,
  },
  {
    name: "completion",
    summary: "print what makes your shell complete lading's commands",
    group: "Shell",
    load: async () => (await import("./completion.ts")).completion,
  },
];

/** Commands that hold others. */
export const commandGroups: Readonly<Record<string, string>> = {
  store: "verify, rebuild or tidy the local store",
  lease: "what keeps images from store gc beside their names",
};
