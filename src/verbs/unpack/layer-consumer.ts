import type { ArrivingBlob } from "../../content/arriving.ts";
import type { ImageLayer, ImageUnpack } from "../../layer/engine/image-unpack.ts";
import type { Digest } from "../../oci/digest.ts";

/** Unpacks the images of a pull while they come in. */
export class LayerConsumer {
  readonly #begin: (layers: readonly ImageLayer[]) => ImageUnpack;
  readonly #images: ImageUnpack[] = [];
  readonly #failed = new AbortController();

  constructor(begin: (layers: readonly ImageLayer[]) => ImageUnpack) {
    this.#begin = begin;
  }

  /** Fires when a layer can't be unpacked: no need to fetch the rest. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** An image, before any of its layers moves. */
  image(layers: readonly ImageLayer[]): void {
    const image = this.#begin(layers);
    image.failed.addEventListener("abort", () => this.#failed.abort(image.failed.reason));
    this.#images.push(image);
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
