import type { ByteString } from "./byte-string.ts";
import type { TarEntryType } from "./entry.ts";
import type { DataSpan } from "./sparse.ts";

/** One entry as an archive holds it; names are bytes, and nothing about them has been decided. */
export interface ReadEntry {
  /** 1 for the first. */
  readonly number: number;
  /** Of its first header, in the uncompressed tar. */
  readonly offset: number;
  readonly type: TarEntryType;
  readonly path: ByteString;
  /** Of a symlink its text, of a hard link the path of the other name; else empty. */
  readonly linkPath: ByteString;
  /** Bytes of the file, holes included; 0 for all that is no file. */
  readonly size: number;
  /** Which parts of it have content; one span unless the file is sparse. */
  readonly data: readonly DataSpan[];
  /** Permission bits, setuid, setgid and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  readonly device: { readonly major: number; readonly minor: number };
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
}
