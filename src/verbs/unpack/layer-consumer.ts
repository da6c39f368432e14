import type { Arrivals, ArrivingBlob } from "../../content/arriving.ts";
import type { ImageLayer, ImageUnpack } from "../../layer/engine/image-unpack.ts";
import type { DiffId, Digest } from "../../oci/digest.ts";

export interface LayerConsumerOptions {
  begin(layers: readonly ImageLayer[]): ImageUnpack;
  /** Whether a layer is unpacked already, so that its blob is not needed. */
  has(diffId: DiffId): Promise<boolean>;
  isDiscarded(digest: Digest): Promise<boolean>;
}

/** Unpacks the images of a pull while they come in. */
export class LayerConsumer implements Arrivals {
  readonly #options: LayerConsumerOptions;
  readonly #diffIds = new Map<Digest, DiffId>();
  readonly #images: ImageUnpack[] = [];
  readonly #failed = new AbortController();

  constructor(options: LayerConsumerOptions) {
    this.#options = options;
  }

  /** Fires when a layer can't be unpacked: no need to fetch the rest. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** An image, before any of its layers moves. */
  image(layers: readonly ImageLayer[]): void {
    for (const { descriptor, diffId } of layers) this.#diffIds.set(descriptor.digest, diffId);
    const image = this.#options.begin(layers);
    image.failed.addEventListener("abort", () => this.#failed.abort(image.failed.reason));
    this.#images.push(image);
  }

  /** A layer that is unpacked, and whose blob was discarded for that. */
  async covers(digest: Digest): Promise<boolean> {
    const diffId = this.#diffIds.get(digest);
    if (diffId === undefined || !(await this.#options.isDiscarded(digest))) return false;
    return this.#options.has(diffId);
  }

  has(diffId: DiffId): Promise<boolean> {
    return this.#options.has(diffId);
  }

  arriving(digest: Digest, blob: ArrivingBlob): void {
    for (const image of this.#images) image.arriving(digest, blob);
  }

  there(digest: Digest): void {
    for (const image of this.#images) image.there(digest);
  }

  /** Every blob is in the store: waits until every layer is in its place. */
  async end(): Promise<void> {
    for (const image of this.#images) await image.end();
  }

  /** The pull failed: what is under way stops. The first failure, if a layer was the reason. */
  async stop(reason: unknown): Promise<unknown> {
    const first = this.#failed.signal.aborted ? this.#failed.signal.reason : undefined;
    for (const image of this.#images) image.stop(reason);
    for (const image of this.#images) await image.settled();
    return first ?? reason;
  }
}
