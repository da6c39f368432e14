import type { Descriptor } from "../oci/descriptor.ts";
import type { DiffId, Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";

/** What a pull hands to the store once every byte is on disk. */
export interface ImageRecord {
  /** Canonical: `docker.io/library/alpine:3.20`. */
  readonly reference: string;
  /** The top descriptor as the reference resolved: an index or a manifest. */
  readonly descriptor: Descriptor;
  /** The image manifests below it that are complete in the store. */
  readonly manifests: readonly { readonly descriptor: Descriptor; readonly platform: Platform }[];
}

/** One platform of an image, complete on disk. */
export interface StoredManifest {
  readonly platform: Platform;
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  /** In the order of the manifest, bottom first; one digest may stand twice. */
  readonly layers: readonly StoredLayer[];
}

export interface StoredLayer {
  readonly position: number;
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
}

/** A name in the store and what is complete below it. */
export interface StoredImage {
  /** Canonical reference; `undefined` for a manifest that lost its name. */
  readonly reference: string | undefined;
  readonly descriptor: Descriptor;
  readonly manifests: readonly StoredManifest[];
  /** Milliseconds since the epoch. */
  readonly pulledAt: number | undefined;
  readonly usedAt: number | undefined;
  /** Bytes of every blob below it, each digest once. */
  readonly size: number;
}

/** What has to be there for an image to count as complete. */
export interface FindOptions {
  /** An image whose platform no index tells is taken whatever it is for: nobody asked for one by name. */
  readonly anyLone?: boolean | undefined;
  /** Every platform, not just some. */
  readonly every?: boolean | undefined;
  /** Layers that may not be distributed as well, which are otherwise left out on purpose. */
  readonly foreignLayers?: boolean | undefined;
}

/** Keeps what it names from garbage collection for as long as this process lives. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** Makes it outlive the process, for `ms` from now. */
  keep(ms: number): Promise<void>;
  release(): Promise<void>;
}

/** What a lease that outlives its process is for. */
export type LeasePurpose =
  | { readonly kind: "mount" | "bundle"; readonly path: string }
  | { readonly kind: "overlay" };

/** A lease that lives until it is removed, or until its time is over. */
export interface StoredLease {
  readonly id: string;
  readonly kind: LeasePurpose["kind"] | "timed";
  /** Of a mount or a bundle: where it is. */
  readonly path: string | undefined;
  /** Whether something is there still; `undefined` where there is nothing to look for. */
  readonly exists: boolean | undefined;
  /** What it keeps, with all below it. */
  readonly digests: readonly Digest[];
  /** Milliseconds since the epoch. */
  readonly created: number | undefined;
  readonly expires: number | undefined;
}

export interface VerifyReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly broken: readonly BrokenBlob[];
}

export interface BrokenBlob {
  readonly digest: Digest;
  readonly problem: "missing" | "wrong-size" | "wrong-digest" | "not-a-file" | "unreadable";
  /** The names that need it. */
  readonly references: readonly string[];
  readonly quarantined: boolean;
}

export interface CollectReport {
  readonly dryRun: boolean;
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
  /** Unpacked layers that no image has any more, with the bytes of their files. */
  readonly layers: readonly { readonly diffId: DiffId; readonly size: number }[];
  /** Bytes that were freed, or would be: blobs, unpacked layers and abandoned downloads. */
  readonly bytes: number;
  readonly ingests: number;
}
