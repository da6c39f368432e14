import type { DiffId, Digest } from "../oci/digest.ts";
import type { RequestTrace } from "./request-trace.ts";

/** What a blob is to the image, so that a renderer need not know media types. */
export type ContentRole = "index" | "manifest" | "config" | "layer" | "other";

/**
 * Everything that an operation reports while it runs. The one source of progress: bars, plain lines
 * and JSON lines are renderers of this union. Stable: members and fields are added, never renamed.
 *
 * An `offset` is how many bytes of the blob are held by now, never a delta. `generation` grows by one
 * when a download starts again from zero, and only then may an offset fall.
 */
export type LadingEvent =
  | { readonly type: "resolving"; readonly reference: string; readonly from: string }
  | {
      readonly type: "resolved";
      readonly reference: string;
      readonly digest: Digest;
      readonly mediaType: string;
      readonly size: number;
    }
  /** All that an image manifest needs, in the order of the manifest, each digest once. */
  | { readonly type: "planned"; readonly manifest: Digest; readonly blobs: readonly PlannedBlob[] }
  | ({ readonly type: "exists" } & BlobEvent)
  | ({ readonly type: "started"; readonly offset: number; readonly generation: number } & BlobEvent)
  | ({ readonly type: "bytes"; readonly offset: number; readonly generation: number } & BlobEvent)
  /** Digest and size are right and the blob is published. `transferred` came over the wire. */
  | ({ readonly type: "verified"; readonly transferred: number } & BlobEvent)
  /** A layer begins to be written out as files; `digest` is the blob's that it comes from. */
  | ({ readonly type: "unpack-started" } & UnpackEvent)
  /** `offset` is how many compressed bytes of the blob's `size` are unpacked by now. */
  | ({
      readonly type: "unpack-progress";
      readonly offset: number;
      readonly entries: number;
      /** Bytes written, holes not counted. */
      readonly written: number;
    } & UnpackEvent)
  /** The layer's content has its diff ID and is in its place. `existed`: it was there already. */
  | ({
      readonly type: "unpacked";
      readonly existed: boolean;
      readonly entries: number;
      readonly written: number;
    } & UnpackEvent)
  | { readonly type: "waiting"; readonly why: WaitReason }
  | {
      readonly type: "retry";
      /** 1 for the first retry. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
      readonly digest?: Digest;
      /** Redacted. */
      readonly url?: string;
    }
  /** A mirror was passed over, and the next place asked. */
  | {
      readonly type: "mirror";
      readonly registry: string;
      /** Its origin. */
      readonly mirror: string;
      readonly reason: string;
      /** How long it is left alone; absent: this request alone goes elsewhere. */
      readonly restMs?: number;
    }
  /** What a registry says one may still ask (`ratelimit-*`), when it is something new. */
  | {
      readonly type: "rate-limit";
      readonly host: string;
      readonly limit: number;
      readonly remaining: number;
      readonly windowSeconds?: number;
      /** Whom it counts: an address, or the ID of an account. */
      readonly source?: string;
    }
  | { readonly type: "warning"; readonly code: WarningCode; readonly message: string }
  /** One request ended, for `--verbose`. */
  | ({ readonly type: "request" } & RequestTrace)
  | {
      readonly type: "done";
      readonly reference: string;
      readonly digest: Digest;
      /** Bytes that came over the wire. */
      readonly transferred: number;
      readonly requests: number;
      readonly ms: number;
    };

export interface BlobEvent {
  readonly digest: Digest;
  readonly size: number;
  readonly role: ContentRole;
}

export interface UnpackEvent {
  readonly digest: Digest;
  readonly diffId: DiffId;
  /** Of the compressed blob. */
  readonly size: number;
}

export type PlannedBlob = BlobEvent;

export type WaitReason =
  /** Another caller in this process, or another process, downloads the same digest. */
  | { readonly kind: "same-download"; readonly digest: Digest; readonly pid?: number }
  /** Another caller in this process, or another process, unpacks the same layer. */
  | { readonly kind: "same-layer"; readonly digest: Digest; readonly pid?: number }
  /** Another process fills the same directory. */
  | { readonly kind: "target"; readonly path: string; readonly pid?: number }
  | { readonly kind: "store-lock"; readonly pid?: number }
  /** The registry asked for a pause (Retry-After). */
  | { readonly kind: "retry-after"; readonly host: string; readonly ms: number }
  /** The registry asked somebody else of this process for a pause; everybody keeps it. */
  | { readonly kind: "host-pause"; readonly host: string; readonly ms: number }
  /** The settings allow so many requests a second. */
  | { readonly kind: "rate-limit"; readonly host: string; readonly ms: number };

export type WarningCode =
  | "foreign-layer-skipped"
  | "name-restored"
  | "registry-warning"
  | "plain-http"
  /** A certificate is not verified, as the settings say. */
  | "insecure"
  /** A settings file has something that lading does not know, or may not read. */
  | "config"
  | "store"
  /** Something of a layer that this form can't keep: owners, devices, attributes. */
  | "unpack"
  /** Something that an image wants of its runtime and a bundle does not give. */
  | "bundle";

export type EventListener = (event: LadingEvent) => void;

/** What every operation takes. */
export interface OperationOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: EventListener | undefined;
}
