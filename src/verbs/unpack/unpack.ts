import { createHash } from "node:crypto";
import type { OperationOptions } from "../../content/events.ts";
import { acquireLock, type Lock } from "../../disk/lock.ts";
import { foldsNames } from "../../disk/name-folding.ts";
import { LadingError } from "../../errors.ts";
import type { CloneLink } from "../../layer/worker/protocol.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Platform } from "../../oci/platform.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";
import { FlatRootfs } from "../../rootfs/flat/flat.ts";
import { flatTarget } from "../../rootfs/flat/target.ts";
import { failing } from "../failing.ts";
import { type PullPolicy, type PullResult, pullInto } from "../pull.ts";
import type { Session } from "../session.ts";
import { LayerConsumer } from "./layer-consumer.ts";
import { type LayerOptions, unpackSettings } from "./options.ts";

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
  /** Bytes that came over the wire. */
  readonly transferred: number;
  readonly ms: number;
}

/** Makes a directory that holds exactly what the image's layers come to. */
export function unpack(
  session: Session,
  text: string,
  directory: string,
  options: UnpackOptions = {},
): Promise<UnpackResult> {
  const reference = formatReference(parseReference(text));
  return failing({ reference }, async () => {
    const started = session.clock.now();
    const operation = session.operation(options);
    const flat = await beginFlat(session, directory, operation);
    try {
      const store = await session.store();
      const consumer = new LayerConsumer({
        begin: (layers) => flat.unpack(layers),
        has: (diffId) => flat.has(diffId),
        isDiscarded: (digest) => store.isDiscarded(digest),
      });
      const pulled = await pullFor(session, text, operation, consumer);
      await flat.publish();
      return unpackResult(pulled, flat.path, session.clock.now() - started);
    } finally {
      await flat.close();
    }
  });
}

async function beginFlat(
  session: Session,
  directory: string,
  options: UnpackOptions,
): Promise<FlatRootfs> {
  const { layout } = await session.store();
  const { pool, overlay } = await session.layers();
  const target = await flatTarget(directory, layout.root, options.force ?? false);
  const lock = await lockTarget(session, target.path, options);
  try {
    const folding = await foldsNames(target.workshop);
    const disk = { folding, overlay };
    const settings = await unpackSettings(options, target.workshop, disk);
    const { link = "auto", signal, onEvent } = options;
    const plain = { ...settings, overlayNodes: false };
    const parts = { layout, pool, settings: plain, link, target, lock, signal, onEvent };
    return await FlatRootfs.begin(parts);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function lockTarget(session: Session, path: string, options: OperationOptions): Promise<Lock> {
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

export function unpackResult(pulled: PullResult, path: string, ms: number): UnpackResult {
  const { reference, digest, transferred, images } = pulled;
  const [image] = images;
  if (image === undefined) {
    throw new LadingError("unsupported", "the reference names an artifact, not an image", {
      hint: "only images have layers that can be unpacked",
    });
  }
  const { platform, manifest, layers } = image;
  return {
    reference,
    digest,
    manifest: manifest.digest,
    platform,
    path,
    layers: layers.length,
    transferred,
    ms,
  };
}
