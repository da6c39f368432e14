import { createHash } from "node:crypto";
import type { OperationOptions } from "../../content/events.ts";
import { acquireLock, type Lock } from "../../disk/lock.ts";
import { LadingError } from "../../errors.ts";
import type { CloneLink } from "../../layer/worker/protocol.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Platform } from "../../oci/platform.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";
import { FlatRootfs } from "../../rootfs/flat/flat.ts";
import { sweepTarget } from "../../rootfs/flat/sweep.ts";
import { flatTarget, targetPath } from "../../rootfs/flat/target.ts";
import { failing } from "../failing.ts";
import { type PullPolicy, type PullResult, pullInto } from "../pull.ts";
import type { PulledImage } from "../pulled-image.ts";
import type { Session } from "../session.ts";
import { LayerConsumer } from "./layer-consumer.ts";
import { type LayerOptions, unpackSettings } from "./options.ts";
import { countUnpacked } from "./totals.ts";

export interface UnpackOptions extends LayerOptions, OperationOptions {
  readonly platform?: string | Platform | undefined;
  /** Default `missing`: the store first, then the registry. */
  readonly policy?: PullPolicy | undefined;
  /** Lay the image over what is in the target already. Default false. */
  readonly force?: boolean | undefined;
  /**
   * How files of layers that the store has unpacked are shared with the target. `auto` (default): by
   * copy on write where the file system can, else copied. `hardlink`: one file for both, for targets
   * that nobody writes to.
   */
  readonly link?: CloneLink | undefined;
  readonly concurrency?: number | undefined;
  readonly foreignLayers?: boolean | undefined;
}

export interface UnpackResult {
  readonly reference: string;
  readonly digest: Digest;
  /** Of the image manifest that was unpacked. */
  readonly manifest: Digest;
  readonly platform: Platform;
  /** Where the root filesystem is. */
  readonly path: string;
  readonly layers: number;
  /** Entries of the layers' tars; those of layers that the store had unpacked are not counted. */
  readonly entries: number;
  /** Bytes of file content written out of the layers; holes are not counted. */
  readonly written: number;
  /** Bytes that came over the wire. */
  readonly transferred: number;
  readonly ms: number;
}

/** Makes a directory that holds exactly what the image's layers come to. */
export async function unpack(
  session: Session,
  text: string,
  directory: string,
  options: UnpackOptions = {},
): Promise<UnpackResult> {
  return (await unpackImage(session, text, directory, options)).result;
}

/** The same, for who wants to know more of the image. */
export function unpackImage(
  session: Session,
  text: string,
  directory: string,
  options: UnpackOptions,
): Promise<{ readonly result: UnpackResult; readonly image: PulledImage }> {
  const reference = formatReference(parseReference(text));
  const attributes = { "lading.reference": reference };
  const work = async () => {
    const started = session.clock.now();
    const { options: operation, totals } = countUnpacked(session.operation(options));
    const flat = await beginFlat(session, directory, operation);
    try {
      const store = await session.store();
      const consumer = new LayerConsumer({
        begin: (layers) => flat.unpack(layers),
        has: (diffId) => flat.has(diffId),
        isDiscarded: (digest) => store.isDiscarded(digest),
      });
      const pulled = await pullFor(session, text, operation, consumer);
      const image = onlyImage(pulled);
      await flat.publish();
      const ms = session.clock.now() - started;
      return { result: unpackResult(pulled, image, { path: flat.path, ...totals(), ms }), image };
    } finally {
      await flat.close();
    }
  };
  return failing({ reference }, () => session.span("lading.unpack", attributes, work));
}

async function beginFlat(
  session: Session,
  directory: string,
  options: UnpackOptions,
): Promise<FlatRootfs> {
  const { layout } = await session.store();
  const { pool, kernel, folding, nameFolding, overlay } = await session.layers();
  pool.warm();
  const path = await targetPath(directory);
  const lock = await lockTarget(session, path, options);
  try {
    // Only now: whoever had the lock may have filled it.
    await sweepTarget(path, layout.root, pool);
    const target = await flatTarget(path, layout.root, options.force ?? false);
    const settings = await unpackSettings(options, target.workshop, { folding, overlay });
    const { link = "auto", signal, onEvent } = options;
    const plain = { ...settings, overlayNodes: false };
    const parts = { layout, pool, kernel, settings: plain, nameFolding, link, target, lock };
    return await FlatRootfs.begin({ ...parts, signal, onEvent });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The right to fill a directory, which others may want too. */
export function lockTarget(
  session: Session,
  path: string,
  options: OperationOptions,
): Promise<Lock> {
  const { signal, onEvent } = options;
  const name = `flat-${createHash("sha256").update(path).digest("hex")}`;
  return session.store().then(({ layout, clock }) =>
    acquireLock(layout.lock(name), "exclusive", {
      clock,
      signal,
      onWait: (pid) => {
        const holder = pid === undefined ? {} : { pid };
        onEvent?.({ type: "waiting", why: { kind: "target", path, ...holder } });
      },
    }),
  );
}

/** The image in the store, by the policy of the words that look there first. */
export async function pullFor(
  session: Session,
  text: string,
  options: UnpackOptions,
  consumer: LayerConsumer,
): Promise<PullResult> {
  const { platform, policy = "missing", concurrency, foreignLayers, signal, onEvent } = options;
  const pull = { platform, policy, concurrency, foreignLayers, signal, onEvent, lease: false };
  return pullInto(session, text, pull, consumer);
}

export function onlyImage({ images: [image] }: PullResult): PulledImage {
  if (image !== undefined) return image;
  throw new LadingError("unsupported", "the reference names an artifact, not an image", {
    hint: "only images have layers that can be unpacked",
  });
}

function unpackResult(
  { reference, digest, transferred }: PullResult,
  { platform, manifest, layers }: PulledImage,
  { path, entries, written, ms }: Pick<UnpackResult, "path" | "entries" | "written" | "ms">,
): UnpackResult {
  return {
    reference,
    digest,
    manifest: manifest.digest,
    platform,
    path,
    layers: layers.length,
    entries,
    written,
    transferred,
    ms,
  };
}
