import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { OperationOptions } from "../../content/events.ts";
import { onDisk } from "../../disk/disk-error.ts";
import { makeFolder } from "../../disk/folder.ts";
import type { Lock } from "../../disk/lock.ts";
import { findLayer } from "../../layer/cache/cached-layer.ts";
import type { LayerDestination, LayerSlot, PlannedLayer } from "../../layer/engine/destination.ts";
import { type ImageLayer, ImageUnpack } from "../../layer/engine/image-unpack.ts";
import type { UnpackSettings } from "../../layer/engine/layer-unpack.ts";
import { formatLayerRecord } from "../../layer/record.ts";
import type { WorkerPool } from "../../layer/worker/pool.ts";
import type { CloneLink } from "../../layer/worker/protocol.ts";
import { type DiffId, parseDiffId } from "../../oci/digest.ts";
import type { Layout } from "../../store/layout.ts";
import { type FlatTarget, MARKER } from "./target.ts";

export interface FlatOptions extends OperationOptions {
  readonly layout: Layout;
  readonly pool: WorkerPool;
  readonly settings: UnpackSettings;
  readonly link: CloneLink;
  readonly target: FlatTarget;
  /** Held while the target is being made: nobody else makes the same one. */
  readonly lock: Lock;
}

/** Short, and others wait for it. */
const FIRST = Number.MAX_SAFE_INTEGER;

/**
 * One directory with the exact result of all layers. They are written side by side, each into a
 * folder of its own, and laid one over the other by renames as soon as their turn comes; the target
 * appears when all are.
 */
export class FlatRootfs {
  readonly #options: FlatOptions;
  readonly #work: string;
  readonly #whole: string;
  #merged: Promise<void> = Promise.resolve();
  readonly #ready: { readonly promise: Promise<void>; readonly resolve: () => void }[] = [];

  static async begin(options: FlatOptions): Promise<FlatRootfs> {
    const { target, pool } = options;
    for (const name of await readdir(target.workshop)) {
      if (!name.startsWith(target.prefix)) continue;
      await pool.perform({ type: "remove", parent: target.workshop, name });
    }
    const flat = new FlatRootfs(options);
    await makeFolder(flat.#work);
    await makeFolder(join(flat.#work, "whole"));
    return flat;
  }

  private constructor(options: FlatOptions) {
    const { workshop, prefix } = options.target;
    this.#options = options;
    this.#work = join(workshop, `${prefix}${randomBytes(8).toString("hex")}`);
    this.#whole = join(this.#work, "whole", "rootfs");
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
    this.#merged = this.#merge(image.failed);
    // Whoever ends it hears of a failure; until then it is not unheard of.
    this.#merged.catch(() => {});
    return image;
  }

  /** After all layers are unpacked: the target is there, whole. */
  async publish(): Promise<void> {
    const { target, settings } = this.#options;
    await this.#merged;
    if (this.#ready.length === 0) await mkdir(this.#whole, { mode: 0o755 });
    if (target.how === "renamed") {
      await onDisk("putting the root filesystem in its place", target.path, () =>
        rename(this.#whole, target.path),
      );
    } else await this.#publishInPlace(settings);
  }

  /** Clears the workshop away; what was published stays. */
  async close(): Promise<void> {
    const { pool, target, lock } = this.#options;
    await this.#merged.catch(() => {});
    try {
      await pool.perform({ type: "remove", parent: target.workshop, name: basename(this.#work) });
    } finally {
      lock.release();
    }
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
        { signal, weight: FIRST },
      );
    }
  }

  /** The whole is laid over the target as if it were a layer, so that what is there stays. */
  async #publishInPlace(settings: UnpackSettings): Promise<void> {
    const { target, pool, signal } = this.#options;
    const marker = join(target.path, MARKER);
    const staging = join(this.#work, "whole");
    await onDisk("filling the target", target.path, async () => {
      // An image may have put anything in its place: a link, for us to write to where it leads.
      await rm(marker, { recursive: true, force: true });
      await writeFile(marker, "", { mode: 0o600, flag: "wx" });
      await writeFile(join(staging, "layer.json"), formatLayerRecord(wholeRecord(settings)));
    });
    const { folding, limits } = settings;
    await pool.perform({ type: "merge", base: target.path, staging, folding, limits }, { signal });
    await onDisk("filling the target", target.path, () => rm(marker, { recursive: true }));
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
          ...(cached === undefined ? {} : { copyOf: { from: cached.path, link } }),
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

function wholeRecord({
  formName,
  bootId,
}: UnpackSettings): Parameters<typeof formatLayerRecord>[0] {
  return {
    diffId: parseDiffId(`sha256:${"0".repeat(64)}`),
    form: formName,
    entries: 0,
    bytes: 0,
    whiteouts: [],
    opaques: [],
    implied: [],
    links: [],
    overlayNodes: false,
    lost: {},
    synced: false,
    bootId,
  };
}

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
