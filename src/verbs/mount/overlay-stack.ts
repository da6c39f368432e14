import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import type { LayerForm } from "../../layer/form.ts";
import type { DiffId, Digest } from "../../oci/digest.ts";
import type { Platform } from "../../oci/platform.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";
import { type OverlayStack, overlayStackOf } from "../../rootfs/overlay/stack.ts";
import type { LeasePurpose, StoredLease } from "../../store/types.ts";
import { failing } from "../failing.ts";
import type { PullPolicy } from "../pull.ts";
import type { Session } from "../session.ts";
import { cacheConsumerWith, cacheSettings } from "../unpack/cached.ts";
import type { Layers } from "../unpack/layers.ts";
import type { LayerOptions } from "../unpack/options.ts";
import { onlyImage, pullFor } from "../unpack/unpack.ts";

export interface OverlayOptions extends LayerOptions, OperationOptions {
  readonly platform?: string | Platform | undefined;
  /** Default `missing`: the store first, then the registry. */
  readonly policy?: PullPolicy | undefined;
  readonly concurrency?: number | undefined;
  readonly foreignLayers?: boolean | undefined;
}

export interface OverlayResult {
  readonly reference: string;
  readonly digest: Digest;
  /** Of the image manifest that was unpacked. */
  readonly manifest: Digest;
  readonly platform: Platform;
  /** The directories to be merged, top first, as overlayfs' `lowerdir` takes them; none of an empty image. */
  readonly lower: readonly string[];
  readonly form: LayerForm;
  /** Whether the mount needs the option `userxattr`. */
  readonly userxattr: boolean;
  /** Keeps the directories until it is removed. */
  readonly lease: StoredLease;
  /** Bytes that came over the wire. */
  readonly transferred: number;
  readonly ms: number;
}

/**
 * The directories that overlayfs merges into an image's root filesystem: its layers, unpacked into the
 * store, with one more on top where they are not exact without it. A lease keeps them.
 */
export function overlayStack(
  session: Session,
  text: string,
  options: OverlayOptions = {},
): Promise<OverlayResult> {
  return withStack(session, text, options, async (stack) => {
    const lease = await stack.lease({ kind: "overlay" });
    const { reference, digest, manifest, platform, lower, form, userxattr } = stack;
    const { transferred, ms } = stack;
    return {
      reference,
      digest,
      manifest,
      platform,
      lower,
      form,
      userxattr,
      lease,
      transferred,
      ms,
    };
  });
}

/** An image's layers in the store, safe from collection while they are worked with. */
export interface ImageStack extends OverlayStack, Omit<OverlayResult, "lease"> {
  /** Diff IDs, bottom first. */
  readonly chain: readonly DiffId[];
  /** Makes them safe beyond that. */
  lease(purpose: LeasePurpose): Promise<StoredLease>;
}

export function withStack<T>(
  session: Session,
  text: string,
  options: OverlayOptions,
  work: (stack: ImageStack) => Promise<T>,
): Promise<T> {
  const reference = formatReference(parseReference(text));
  return failing({ reference }, async () => {
    const started = session.clock.now();
    const operation = session.operation(options);
    const store = await session.store();
    const layers = await session.layers();
    checkOverlay(layers, store.layout.root);
    const settings = await cacheSettings(session, operation);
    const endHold = await store.hold(operation);
    try {
      const consumer = await cacheConsumerWith(session, settings, operation);
      const pulled = await pullFor(session, text, operation, consumer);
      const image = onlyImage(pulled);
      const chain = image.layers.map(({ diffId }) => diffId);
      const parts = { layout: store.layout, fixups: layers.fixups };
      const stack = await overlayStackOf(parts, chain, settings.formName, operation);
      return await work({
        ...stack,
        reference: pulled.reference,
        digest: pulled.digest,
        manifest: image.manifest.digest,
        platform: image.platform,
        form: settings.form,
        userxattr: settings.form.opaque === "user",
        transferred: pulled.transferred,
        ms: session.clock.now() - started,
        chain,
        lease: (purpose) =>
          store.leaseFor({ purpose, roots: [image.manifest], layers: chain }, operation),
      });
    } finally {
      endHold();
    }
  });
}

/** Found out before anything moves. */
function checkOverlay({ overlay, kernel }: Layers, root: string): void {
  if (process.platform !== "linux") {
    throw new LadingError("unsupported", "overlay stacks need Linux", {
      hint: "make a directory with: lading unpack REFERENCE DIRECTORY",
    });
  }
  if (kernel === undefined) {
    throw new LadingError("unsupported", "overlay stacks need system calls that Node lacks", {
      hint: "install the optional package koffi, or make a directory with lading unpack",
    });
  }
  if (overlay.nodes) return;
  throw new LadingError("unsupported", "the store's file system takes no overlayfs whiteouts", {
    path: root,
    hint: "put the store on a volume (--root), not on an overlay; lading unpack REFERENCE DIRECTORY works here too",
  });
}
