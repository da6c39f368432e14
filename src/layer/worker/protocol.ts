import type { NameFolding } from "../../disk/name-folding.ts";
import type { ErrorCode, ErrorContext } from "../../errors.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { LayerForm } from "../form.ts";
import type { UnpackLimits } from "../limits.ts";
import type { LayerSummary } from "../record.ts";

/** Everything that goes to a worker. Each is answered by one reply that ends it. */
export type WorkerRequest =
  | UnpackRequest
  | InflateRequest
  | CloneRequest
  | MergeRequest
  | FixupRequest
  | SyncRequest
  | RemoveRequest;

/** A blob to be read from its beginning. */
export interface BlobRequest {
  /** Where the compressed bytes are: the first of these that is there. */
  readonly paths: readonly string[];
  /** Of a blob that is still arriving; `undefined` when it is whole. */
  readonly arriving:
    | { readonly watermark: SharedArrayBuffer; readonly generation: number }
    | undefined;
  readonly size: number;
  readonly limits: UnpackLimits;
}

/** Inflate a blob into a ring, from which another thread unpacks it. */
export interface InflateRequest extends BlobRequest {
  readonly type: "inflate";
  readonly inflated: SharedArrayBuffer;
}

/** Inflate, verify and write one layer into `staging/rootfs`, and describe it beside that. */
export interface UnpackRequest extends BlobRequest {
  readonly type: "unpack";
  /** A ring that another thread fills, instead of reading the blob. */
  readonly inflated?: SharedArrayBuffer;
  readonly diffId: DiffId;
  /** Made by the worker, 0700; must not be there. */
  readonly staging: string;
  readonly form: LayerForm;
  /** As it names the layer's folder. */
  readonly formName: string;
  readonly overlayNodes: boolean;
  /** Counts the bytes that all layers of the image have written. */
  readonly written: SharedArrayBuffer;
  /** Which names the file system takes for one. */
  readonly folding: NameFolding;
  readonly sync: boolean;
  readonly bootId: string;
}

/** Copy an unpacked layer, `from/rootfs` and its record, to a staging of its own. */
export interface CloneRequest {
  readonly type: "clone";
  readonly from: string;
  readonly staging: string;
  readonly link: CloneLink;
  /** Of the staging's file system: the layer may come from one that tells more names apart. */
  readonly folding: NameFolding;
}

/** How file content is shared: by the file system's own copy on write, or one inode for both. */
export type CloneLink = "reflink" | "copy" | "hardlink" | "auto";

/** Lay a staged layer over what `base` holds so far. The staging is used up. */
export interface MergeRequest {
  readonly type: "merge";
  /** The directory that becomes the root filesystem. */
  readonly base: string;
  readonly staging: string;
  readonly folding: NameFolding;
  /** Of directories that links of the layers below ask for. Default: {@link unpackLimits}. */
  readonly limits?: UnpackLimits;
}

/** Sync every file and directory of a tree to the disk itself. */
export interface SyncRequest {
  readonly type: "sync";
  readonly path: string;
}

/** Make in `staging` what has to lie on a stack of layers for it to be exact, and its `fixup.json`. */
export interface FixupRequest {
  readonly type: "fixup";
  /** Folders of unpacked layers, bottom first. */
  readonly layers: readonly string[];
  /** Made by the worker, 0700; must not be there. */
  readonly staging: string;
  readonly formName: string;
  readonly bootId: string;
}

export interface RemoveRequest {
  readonly type: "remove";
  /** A directory of ours and a name in it. */
  readonly parent: string;
  readonly name: string;
}

/** A request on its way: its number, what to load, and a cell that turns 1 when nobody wants it any more. */
export interface Envelope {
  readonly id: number;
  readonly request: WorkerRequest;
  readonly cancelled: SharedArrayBuffer;
  /** False: do without the optional native calls. */
  readonly native: boolean;
}

export type WorkerReply =
  | { readonly id: number; readonly type: "progress"; readonly progress: UnpackProgress }
  /** It waits for bytes that have not arrived; then, that it goes on. */
  | { readonly id: number; readonly type: "stalled" | "moving" }
  | { readonly id: number; readonly type: "unpacked"; readonly record: LayerSummary }
  /** The download began again from zero, or ended without the blob: nothing was kept. */
  | { readonly id: number; readonly type: "interrupted" }
  | { readonly id: number; readonly type: "done" }
  | { readonly id: number; readonly type: "failed"; readonly error: FailedWork };

export interface UnpackProgress {
  /** Compressed bytes taken. */
  readonly offset: number;
  readonly entries: number;
  /** Bytes written. */
  readonly written: number;
}

/** A {@link LadingError} in a form that crosses threads. */
export interface FailedWork {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly context: ErrorContext;
  /** For `--verbose`. */
  readonly stack: string | undefined;
}
