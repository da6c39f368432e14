export type TarEntryType =
  | "file"
  | "directory"
  | "symlink"
  | "hardlink"
  | "character-device"
  | "block-device"
  | "fifo";

/** One entry of a tar archive, as the writer takes it and the reader gives it. */
export interface TarEntry {
  readonly path: string;
  readonly type: TarEntryType;
  /** Bytes of content that follow; only files have any. */
  readonly size?: number;
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
