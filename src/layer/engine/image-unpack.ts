import { setMaxListeners } from "node:events";
import type { ArrivingBlob } from "../../content/arriving.ts";
import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { DiffId, Digest } from "../../oci/digest.ts";
import type { WorkerPool } from "../worker/pool.ts";
import type { LayerDestination } from "./destination.ts";
import { type UnpackSettings, unpackOne } from "./layer-unpack.ts";
import { ImageLosses } from "./losses.ts";

export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
}

export interface ImageUnpackOptions extends OperationOptions {
  readonly pool: WorkerPool;
  readonly destination: LayerDestination;
  readonly settings: UnpackSettings;
  /** Where a blob is, or will be. */
  blobPath(digest: Digest): string;
  /** Called when a layer is in its place. */
  onUnpacked?(position: number): void;
}

const WORTH_TWO = 16 * 1024 * 1024;

/**
 * The layers of one image on their way to files. Each begins when its blob begins to arrive or is
 * known to be there; the first failure stops the others.
 */
export class ImageUnpack {
  readonly #options: ImageUnpackOptions;
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  readonly #layers: readonly ImageLayer[];
  readonly #started = new Set<number>();
  readonly #work: Promise<void>[] = [];
  readonly #written = new SharedArrayBuffer(8);
  readonly #losses = new ImageLosses();
  /** The first thing that went wrong, and the first that was only given up for it. */
  #failure: unknown;
  #givenUp: unknown;

  constructor(layers: readonly ImageLayer[], options: ImageUnpackOptions) {
    const { signal } = options;
    this.#layers = layers;
    this.#options = options;
    this.#signal = AbortSignal.any([this.#failed.signal, ...(signal ? [signal] : [])]);
    // One listener for each layer that is under way: not a leak.
    setMaxListeners(0, this.#signal);
  }

  /** Fires when a layer can't be unpacked: what is still to be downloaded is not needed. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  arriving(digest: Digest, blob: ArrivingBlob): void {
    this.#start(digest, blob);
  }

  there(digest: Digest): void {
    this.#start(digest, undefined);
  }

  /** All layers, those of which nothing was heard taken from where blobs are. */
  async end(): Promise<void> {
    for (const { descriptor } of this.#layers) this.there(descriptor.digest);
    await this.settled();
    const failure = this.#failure ?? this.#givenUp;
    if (failure !== undefined) throw failure;
    const { warning } = this.#losses;
    if (warning !== undefined) this.#options.onEvent?.(warning);
  }

  /** Nothing goes on any more. */
  async settled(): Promise<void> {
    for (const work of this.#work) await work;
  }

  stop(reason: unknown): void {
    this.#failed.abort(reason);
  }

  #start(digest: Digest, arriving: ArrivingBlob | undefined): void {
    this.#layers.forEach(({ descriptor, diffId }, position) => {
      if (descriptor.digest !== digest || this.#started.has(position)) return;
      this.#started.add(position);
      const { pool, destination, settings, blobPath, onUnpacked, onEvent } = this.#options;
      const split = this.#isSplit(descriptor);
      const path = blobPath(digest);
      const written = this.#written;
      const layer = { position, diffId, blob: descriptor, path, arriving, split, written };
      const options = { signal: this.#signal, onEvent };
      const work = unpackOne(layer, destination, pool, settings, options).then(
        (record) => {
          this.#losses.add(record);
          onUnpacked?.(position);
        },
        (error: unknown) => this.#fail(error),
      );
      this.#work.push(work);
    });
  }

  #fail(error: unknown): void {
    if (error instanceof LadingError && error.code === "aborted") {
      this.#givenUp ??= error;
      return;
    }
    this.#failure ??= error;
    this.#failed.abort(error);
  }

  /** Where a few large layers would leave threads without work, each gets two. */
  #isSplit({ size }: Descriptor): boolean {
    const large = this.#layers.filter(({ descriptor }) => descriptor.size >= WORTH_TWO).length;
    return size >= WORTH_TWO && 2 * large <= this.#options.pool.threads;
  }
}
