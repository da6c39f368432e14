import type { DataSpan } from "./sparse.ts";

export type TarEntryType =
  | "file"
  | "directory"
  | "symlink"
  | "hardlink"
  | "character-device"
  | "block-device"
  | "fifo";

/** One entry of a tar archive, as the writer takes it. */
export interface TarEntry {
  readonly path: string;
  readonly type: TarEntryType;
  /** Bytes of the file, holes included; only files have any. */
  readonly size?: number;
  /**
   * Of a file with holes: which parts of it have content. Only that follows. All but the last are as
   * long as some blocks of 512 bytes.
   */
  readonly data?: readonly DataSpan[];
  /** Permission bits, setuid, setgid and sticky included. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Nanoseconds since the epoch. */
  readonly mtimeNs?: bigint;
  /** Of a symlink its text, of a hard link the path of the other name. */
  readonly linkPath?: string;
  readonly device?: { readonly major: number; readonly minor: number };
  readonly xattrs?: Readonly<Record<string, Uint8Array>>;
}

/** The same, its names bytes that need not be text. */
export type RawNames<Entry extends TarEntry> = Omit<Entry, "path" | "linkPath"> & {
  readonly path: string | Uint8Array;
  readonly linkPath?: string | Uint8Array;
};
