import { type Clock, systemClock } from "../clock.ts";
import type { OperationOptions } from "../content/events.ts";
import type {
  ContentStore,
  Ingest,
  IngestOptions,
  OpenContent,
  OpenRange,
} from "../content/port.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { blobSize, hasBlob, notInStore, openBlob } from "./blobs/blobs.ts";
import { discardBlob, isDiscarded } from "./blobs/discarded.ts";
import { Flights } from "./blobs/flight.ts";
import { FileIngest } from "./blobs/ingest.ts";
import { Catalog } from "./catalog/catalog.ts";
import type { CollectOptions } from "./collect/collect.ts";
import { Leases } from "./collect/lease.ts";
import type { LeaseRequest } from "./collect/stored-lease.ts";
import { type EndHold, Holds } from "./hold.ts";
import { defaultRoot, Layout, prepareLayout } from "./layout.ts";
import {
  findDescriptor,
  findImage,
  listImages,
  type NamesOf,
  recordImage,
  removeName,
  saveNames,
  touchImage,
} from "./names/names.ts";
import { ensureIndex } from "./names/restore-index.ts";
import { keepRootPrivate } from "./private-root.ts";
import type {
  CollectReport,
  FindOptions,
  ImageRecord,
  Lease,
  StoredImage,
  StoredLease,
  VerifyReport,
} from "./types.ts";
import type { VerifyOptions } from "./verify/verify.ts";

export interface OpenStoreOptions {
  readonly root?: string | undefined;
  readonly clock?: Clock | undefined;
}

/** Opens the local store, making its folders when they are not there. */
export async function openStore(options: OpenStoreOptions = {}): Promise<LocalStore> {
  const layout = new Layout(options.root ?? defaultRoot());
  const clock = options.clock ?? systemClock;
  await prepareLayout(layout);
  await keepRootPrivate(layout);
  await ensureIndex(layout, clock);
  return new LocalStore(layout, clock);
}

/** Images on the local disk: an OCI layout that several processes share. */
export class LocalStore implements ContentStore, NamesOf, AsyncDisposable {
  readonly name: string;
  readonly layout: Layout;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly holds: Holds;
  readonly #flights: Flights;
  readonly #leases: Leases;

  constructor(layout: Layout, clock: Clock) {
    this.layout = layout;
    this.clock = clock;
    this.name = `store ${layout.root}`;
    this.catalog = new Catalog(layout, clock);
    this.holds = new Holds(layout, clock);
    this.#flights = new Flights(layout, clock);
    this.#leases = new Leases(layout, clock);
  }

  get root(): string {
    return this.layout.root;
  }

  /** A canonical reference, or the digest of a blob that is there. */
  async resolve(name: string): Promise<Descriptor> {
    const named = await findDescriptor(this, name);
    if (named !== undefined) return named;
    const size = isDigest(name) ? await blobSize(this.layout, name) : undefined;
    if (size === undefined || !isDigest(name)) throw notInStore(name);
    return { mediaType: "application/octet-stream", digest: name, size };
  }

  has(descriptor: Descriptor): Promise<boolean> {
    return hasBlob(this.layout, descriptor);
  }

  open(descriptor: Descriptor, range: OpenRange): Promise<OpenContent> {
    return openBlob(this.layout, descriptor, range);
  }

  async ingest(descriptor: Descriptor, options: IngestOptions = {}): Promise<Ingest | undefined> {
    if (await this.has(descriptor)) return undefined;
    const endHold = await this.holds.share(options);
    const endTurn = await this.#flights.take(descriptor.digest, options).catch((error: unknown) => {
      endHold();
      throw error;
    });
    const release = (): void => {
      endTurn();
      endHold();
    };
    try {
      if (!(await this.has(descriptor))) {
        const ingest = await FileIngest.begin(this.layout, descriptor, release);
        this.#flights.show(descriptor.digest, ingest.watermark);
        return ingest;
      }
    } catch (error) {
      release();
      throw error;
    }
    release();
    return undefined;
  }

  async tag(name: string, descriptor: Descriptor, options: OperationOptions = {}): Promise<void> {
    if (!(await this.has(descriptor))) throw notInStore(descriptor.digest);
    const record = { reference: name, descriptor, manifests: [] };
    await this.record(record, options);
  }

  /** From before the first blob until the image is named or leased: collection waits. */
  hold(options: OperationOptions = {}): Promise<EndHold> {
    return this.holds.share(options);
  }

  async record(image: ImageRecord, options: OperationOptions = {}): Promise<void> {
    const endHold = await this.holds.share(options);
    try {
      await recordImage(this, image, options);
    } finally {
      endHold();
    }
  }

  /** What a name means, if it is complete: with a platform, that one; without, whatever is. */
  find(name: string, platform?: Platform, options?: FindOptions): Promise<StoredImage | undefined> {
    return findImage(this, name, platform, options);
  }

  /** Whether `index.json` has exactly this name, whoever wrote it. */
  async hasName(name: string): Promise<boolean> {
    return (await findDescriptor(this, name)) !== undefined;
  }

  images(options: OperationOptions = {}): Promise<readonly StoredImage[]> {
    return listImages(this, options);
  }

  async remove(
    name: string,
    options: OperationOptions = {},
  ): Promise<{ digest: Digest } | undefined> {
    const endHold = await this.holds.share(options);
    try {
      return await removeName(this, name, options);
    } finally {
      endHold();
    }
  }

  /**
   * Gives up blobs of layers that are unpacked; the image counts as there all the same. Waits until
   * nobody else is at the store, as collection does.
   */
  async discard(digests: readonly Digest[], options: OperationOptions = {}): Promise<void> {
    const lock = await this.holds.exclusive(options);
    try {
      for (const digest of digests) await discardBlob(this.layout, digest);
    } finally {
      lock.release();
    }
  }

  isDiscarded(digest: Digest): Promise<boolean> {
    return isDiscarded(this.layout, digest);
  }

  touch(name: string): Promise<void> {
    return touchImage(this, name);
  }

  async lease(roots: readonly Descriptor[], options: OperationOptions = {}): Promise<Lease> {
    const endHold = await this.holds.share(options);
    try {
      return await this.#leases.give(roots);
    } finally {
      endHold();
    }
  }

  /** A lease that outlives this process: until {@link removeLease}. */
  async leaseFor(request: LeaseRequest, options: OperationOptions = {}): Promise<StoredLease> {
    const endHold = await this.holds.share(options);
    try {
      return await (await storedLeases()).addLease(this.layout, this.clock, request);
    } finally {
      endHold();
    }
  }

  async leases(): Promise<readonly StoredLease[]> {
    return (await storedLeases()).listLeases(this.layout, this.clock);
  }

  async removeLease(id: string): Promise<StoredLease | undefined> {
    return (await storedLeases()).removeLease(this.layout, id);
  }

  async collect(options: CollectOptions = {}): Promise<CollectReport> {
    return (await import("./collect/collect.ts")).collect(this, options);
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return (await import("./verify/verify.ts")).verifyStore(this, options);
  }

  /** Makes the catalog again from the disk alone, after names that only it knows are on the disk. */
  async rebuild(options: OperationOptions = {}): Promise<{ readonly images: number }> {
    const lock = await this.holds.exclusive(options);
    try {
      await saveNames(this, options);
      await this.catalog.remove();
      return { images: (await this.images(options)).length };
    } finally {
      lock.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leases.close();
    await this.catalog.close();
  }
}

const storedLeases = (): Promise<typeof import("./collect/stored-lease.ts")> =>
  import("./collect/stored-lease.ts");
