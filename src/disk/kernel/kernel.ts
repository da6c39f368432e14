import type { ByteString } from "../../tar/byte-string.ts";

/** A path as Node takes it: text, or bytes where they are no text. */
export type Path = string | Buffer;

export type NodeKind = "fifo" | "character-device" | "block-device";

/**
 * System calls that Node has no function for. None follows a symbolic link in the last component.
 * Each throws what Node's own would: an error with `code` (`EPERM`) and `syscall`.
 */
export interface Kernel {
  /**
   * Opens a directory below another one in one call, refusing symbolic links on the way (openat2 with
   * RESOLVE_IN_ROOT). `undefined` where the kernel has no openat2 (before 5.6, or under a filter).
   */
  readonly openBelow: ((root: number, path: ByteString) => number) | undefined;
  setXattr(path: Path, name: ByteString, value: Uint8Array): void;
  getXattr(path: Path, name: ByteString): Uint8Array | undefined;
  removeXattr(path: Path, name: ByteString): void;
  listXattrs(path: Path): readonly ByteString[];
  makeNode(path: Path, kind: NodeKind, device: DeviceNumber): void;
  /** Access and modification time, to the nanosecond; a number is an open file. */
  setTimes(file: Path | number, ns: bigint): void;
  /** Where content begins in an open file at or after a place; `undefined` where only a hole follows. */
  nextContent(fd: number, from: number): number | undefined;
  /** Fails with EEXIST where rename would replace. */
  renameNew(from: Path, to: Path): void;
  mount(options: MountOptions): void;
  /** `detach`: at once, though somebody is still in it. */
  unmount(path: Path, options?: { readonly detach?: boolean }): void;
}

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

export interface MountOptions {
  readonly source: string;
  readonly target: Path;
  /** `overlay`; left out for a bind mount. */
  readonly type?: string;
  readonly bind?: boolean;
  readonly readOnly?: boolean;
  readonly data?: string;
}
