import { randomBytes } from "node:crypto";
import { lstat, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { OperationOptions } from "../../content/events.ts";
import { errno, onDisk } from "../../disk/disk-error.ts";
import { makeFolder, syncFolder } from "../../disk/folder.ts";
import type { Kernel } from "../../disk/kernel/kernel.ts";
import type { Lock } from "../../disk/lock.ts";
import type { NameFoldingProbe } from "../../disk/name-folding.ts";
import { setTimes } from "../../disk/tree/times.ts";
import { LadingError } from "../../errors.ts";
import { findLayer } from "../../layer/cache/cached-layer.ts";
import type { LayerDestination, LayerSlot, PlannedLayer } from "../../layer/engine/destination.ts";
import { type ImageLayer, ImageUnpack } from "../../layer/engine/image-unpack.ts";
import type { UnpackSettings } from "../../layer/engine/layer-unpack.ts";
import { writeNoMarks } from "../../layer/record-files.ts";
import type { WorkerPool } from "../../layer/worker/pool.ts";
import type { CloneLink } from "../../layer/worker/protocol.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";
import { makeEmptyRoot } from "./empty-root.ts";
import { refuseMarker } from "./reserved-name.ts";
import { type FlatTarget, MARKER, notEmpty } from "./target.ts";

export interface FlatOptions extends OperationOptions {
  readonly layout: Layout;
  readonly pool: WorkerPool;
  readonly kernel: Kernel | undefined;
  /** For the disk of the store; which names are one is asked of the target's. */
  readonly settings: UnpackSettings;
  readonly nameFolding: NameFoldingProbe;
  readonly link: CloneLink;
  readonly target: FlatTarget;
  /** Held while the target is being made: nobody else makes the same one. */
  readonly lock: Lock;
}

/**
 * One directory with the exact result of all layers. They are written side by side, each into a
 * folder of its own, and laid one over the other by renames as soon as their turn comes; the target
 * appears when all are.
 */
export class FlatRootfs {
  readonly #options: FlatOptions;
  readonly #work: string;
  readonly #whole: string;
  #image: ImageUnpack | undefined;
  #merged: Promise<void> = Promise.resolve();
  readonly #ready: { readonly promise: Promise<void>; readonly resolve: () => void }[] = [];

  static async begin(options: FlatOptions): Promise<FlatRootfs> {
    const { target, pool, settings, nameFolding } = options;
    const { workshop, prefix } = target;
    const name = `${prefix}${randomBytes(8).toString("hex")}`;
    const work = join(workshop, name);
    try {
      await makeFolder(work);
      await makeFolder(join(work, "whole"));
      const folding = await nameFolding(work);
      return new FlatRootfs({ ...options, settings: { ...settings, folding } }, work);
    } catch (error) {
      await pool.perform({ type: "remove", parent: workshop, name });
      throw error;
    }
  }

  private constructor(options: FlatOptions, work: string) {
    this.#options = options;
    this.#work = work;
    this.#whole = join(work, "whole", "rootfs");
  }

  get path(): string {
    return this.#options.target.path;
  }

  /** Whether a layer is unpacked in the store, to be copied from there. */
  async has(diffId: DiffId): Promise<boolean> {
    const { layout, settings } = this.#options;
    return (await findLayer(layout, diffId, settings.formName)) !== undefined;
  }

  /** Unpacks the layers of the one image that it is for. */
  unpack(layers: readonly ImageLayer[]): ImageUnpack {
    const { layout, pool, settings, signal, onEvent } = this.#options;
    for (const _ of layers) this.#ready.push(withResolver());
    const image = new ImageUnpack(layers, {
      pool,
      settings,
      signal,
      onEvent,
      destination: this.#destination(),
      blobPath: layout.blob.bind(layout),
      onUnpacked: (position) => this.#ready[position]?.resolve(),
    });
    this.#image = image;
    this.#merged = this.#merge(image.failed);
    // Whoever ends it hears of a failure; until then it is not unheard of.
    this.#merged.catch(() => {});
    return image;
  }

  /** After all layers are unpacked: the target is there, whole. */
  async publish(): Promise<void> {
    const { target, settings, kernel } = this.#options;
    await this.#merged;
    if (this.#ready.length === 0) makeEmptyRoot(this.#whole, settings, kernel);
    await refuseMarker(this.#whole);
    if (target.how === "renamed") await this.#publishRenamed(settings);
    else await this.#publishInPlace(settings);
  }

  async #publishRenamed({ sync }: UnpackSettings): Promise<void> {
    const { target } = this.#options;
    if (sync) await this.#sync(this.#whole);
    await onDisk("putting the root filesystem in its place", target.path, () =>
      rename(this.#whole, target.path).catch((error: unknown) => {
        throw errno(error) === "ENOTEMPTY" ? notEmpty(target.path, false) : error;
      }),
    );
    if (sync) await syncFolder(target.workshop);
  }

  #sync(path: string): Promise<void> {
    const { pool, signal } = this.#options;
    return pool.perform({ type: "sync", path }, { signal });
  }

  /** Clears the workshop away; what was published stays. */
  async close(): Promise<void> {
    this.#image?.stop(new LadingError("aborted", "the root filesystem is not wanted any more"));
    await this.#image?.settled();
    await this.#merged.catch(() => {});
    try {
      await this.#clear();
    } finally {
      this.#options.lock.release();
    }
  }

  #clear(): Promise<void> {
    const { pool, target } = this.#options;
    return pool.perform({ type: "remove", parent: target.workshop, name: basename(this.#work) });
  }

  async #merge(failed: AbortSignal): Promise<void> {
    const stopped = new Promise<never>((_, reject) => {
      failed.addEventListener("abort", () => reject(failed.reason), { once: true });
    });
    stopped.catch(() => {});
    for (const [position, { promise }] of this.#ready.entries()) {
      await Promise.race([promise, stopped]);
      const { pool, settings, signal } = this.#options;
      const staging = this.#staging(position);
      const { folding, limits } = settings;
      await pool.perform(
        { type: "merge", base: this.#whole, staging, folding, limits },
        { signal },
      );
    }
  }

  /** The whole is laid over the target as if it were a layer, so that what is there stays. */
  async #publishInPlace(settings: UnpackSettings): Promise<void> {
    const { target, pool, kernel, signal } = this.#options;
    const marker = join(target.path, MARKER);
    const staging = join(this.#work, "whole");
    await onDisk("filling the target", target.path, async () => {
      // An image may have put anything in its place: a link, for us to write to where it leads.
      await rm(marker, { recursive: true, force: true });
      await writeFile(marker, "", { mode: 0o600, flag: "wx" });
      writeNoMarks(staging);
    });
    const { folding, limits } = settings;
    await pool.perform({ type: "merge", base: target.path, staging, folding, limits }, { signal });
    const { mtimeNs } = await lstat(target.path, { bigint: true });
    await this.#clear();
    await onDisk("filling the target", target.path, async () => {
      await rm(marker, { recursive: true });
      // What was made and removed in it has changed it since.
      setTimes(target.path, mtimeNs, kernel);
    });
    if (settings.sync) await this.#sync(target.path);
  }

  #destination(): LayerDestination {
    const { layout, settings, link, pool } = this.#options;
    return {
      begin: async ({ diffId, position }: PlannedLayer): Promise<LayerSlot> => {
        const cached = await findLayer(layout, diffId, settings.formName);
        const name = String(position);
        const clear = (): Promise<void> =>
          pool.perform({ type: "remove", parent: this.#work, name });
        return {
          staging: this.#staging(position),
          ...(cached && { copyOf: { from: cached.path, link, record: cached.record } }),
          publish: async () => {},
          clear,
          abandon: clear,
        };
      },
    };
  }

  #staging(position: number): string {
    return join(this.#work, String(position));
  }
}

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
