import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { ContentStore, Ingest, IngestOptions } from "./port.ts";
import type { Watermark } from "./watermark.ts";

/** A blob that can be read while it comes in: up to the watermark, in the file of its generation. */
export interface ArrivingBlob {
  readonly watermark: Watermark;
  /** Changes with each generation. */
  readonly path: string;
  /** Whether the blob was verified and is there; false when its download was given up. */
  readonly published: Promise<boolean>;
}

/** Who follows blobs into a store. */
export interface Arrivals {
  /** A blob begins to come in, and there is a file to read. */
  arriving(digest: Digest, blob: ArrivingBlob): void;
  /** Whether a blob that is not there is not needed either. */
  covers(digest: Digest): Promise<boolean>;
}

/** The store, its new blobs followed while they arrive. */
export function withArrivals(store: ContentStore, arrivals: Arrivals): ContentStore {
  return {
    name: store.name,
    resolve: (name, options) => store.resolve(name, options),
    has: (descriptor, options) => store.has(descriptor, options),
    open: (descriptor, range, options) => store.open(descriptor, range, options),
    tag: (name, descriptor, options) => store.tag(name, descriptor, options),
    async ingest(descriptor: Descriptor, options?: IngestOptions) {
      if (await arrivals.covers(descriptor.digest)) return undefined;
      const ingest = await store.ingest(descriptor, options);
      if (ingest?.path === undefined) return ingest;
      const { shown, blob } = observed(ingest, ingest.path);
      arrivals.arriving(descriptor.digest, blob);
      return shown;
    },
  };
}

/** The same ingest, whose end can be waited for. */
function observed(ingest: Ingest, path: string): { shown: Ingest; blob: ArrivingBlob } {
  let settle: (published: boolean) => void = () => {};
  const published = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  const shown: Ingest = {
    watermark: ingest.watermark,
    held: ingest.held,
    randomAccess: ingest.randomAccess,
    path,
    writeAt: (offset, bytes) => ingest.writeAt(offset, bytes),
    readBack: (span, sink) => ingest.readBack(span, sink),
    restart: () => ingest.restart(),
    async commit() {
      await ingest.commit();
      settle(true);
    },
    async abort(options) {
      await ingest.abort(options).finally(() => settle(false));
    },
  };
  const blob = {
    watermark: ingest.watermark,
    published,
    get path() {
      return ingest.path ?? path;
    },
  };
  return { shown, blob };
}
