import { closeSync, constants, openSync } from "node:fs";
import { errno } from "../../disk/disk-error.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import { LadingError } from "../../errors.ts";
import type { MountFolder } from "./mount-folder.ts";
import { overlayMountOptions } from "./mount-options.ts";

export interface MountRequest {
  readonly folder: MountFolder;
  readonly target: string;
  /** As the table of mounts shows it. */
  readonly source: string;
  readonly userxattr: boolean;
}

/** Mounts a stack for all to see. */
export function mountOverlay(
  kernel: Kernel,
  { folder, target, source, userxattr }: MountRequest,
): void {
  // Names are short through an open folder, wherever it is: this process must not change its own.
  const links = openSync(folder.links, O_PATH | constants.O_DIRECTORY);
  try {
    const at = (name: string): string => `/proc/self/fd/${links}/${name}`;
    const { lower, upper, work } = folder.names;
    const data = overlayMountOptions({
      lower: lower.map(at),
      upper: upper && at(upper),
      work: work && at(work),
      userxattr,
    });
    mounting(target, () => kernel.mount({ source, target, type: "overlay", data }));
  } finally {
    closeSync(links);
  }
}

/** Shows one directory, read-only, in another place. */
export function mountBind(kernel: Kernel, source: string, target: string): void {
  mounting(target, () => kernel.mount({ source, target, bind: true, readOnly: true }));
}

export function unmount(kernel: Kernel, path: string): void {
  try {
    kernel.unmount(path);
  } catch (error) {
    const busy = errno(error) === "EBUSY";
    throw new LadingError("disk", busy ? "the mount is in use" : "it can't be unmounted", {
      path,
      cause: error,
      hint: busy ? `end what works in it (see: fuser -vm ${path})` : "only root can unmount",
    });
  }
}

function mounting(target: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const code = errno(error);
    if (code === undefined) throw error;
    const refused = code === "EPERM" || code === "EACCES";
    throw new LadingError("unsupported", `the system does not mount it: ${code}`, {
      path: target,
      cause: error,
      hint: refused
        ? "mounting needs CAP_SYS_ADMIN; lading unpack REFERENCE DIRECTORY needs no mount"
        : "the kernel's log says why (dmesg); lading unpack REFERENCE DIRECTORY needs no mount",
    });
  }
}

const O_PATH = 0o10000000;
