import { withArrivals } from "../content/arriving.ts";
import { type CopiedImage, type CopyOptions, type CopyResult, copy } from "../content/copy.ts";
import type { LadingEvent, OperationOptions } from "../content/events.ts";
import type { ContentSource } from "../content/port.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { isIndexType } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { formatReference, parseReference, type Reference } from "../oci/reference.ts";
import type { LocalStore } from "../store/local-store.ts";
import type { Lease, StoredImage } from "../store/types.ts";
import { completeImage } from "./complete.ts";
import { failing } from "./failing.ts";
import { PlatformChoice, type WantedPlatform, wantedPlatform } from "./platform-choice.ts";
import { existedBytes, type PulledImage, pulledImage, storedImage } from "./pulled-image.ts";
import type { Session } from "./session.ts";
import { notStored } from "./stored-image.ts";
import type { LayerConsumer } from "./unpack/layer-consumer.ts";
import type { LayerOptions } from "./unpack/options.ts";
import type { UnpackTotals } from "./unpack/totals.ts";

/**
 * When to ask the registry: `always` (one request when nothing moved), `missing` (only for what is not
 * complete in the store), `never`.
 */
export type PullPolicy = "always" | "missing" | "never";

export interface PullOptions extends OperationOptions {
  /** `linux/arm64/v8`, `arm64`, …. Default: Linux on this machine's architecture. */
  readonly platform?: string | Platform | undefined;
  readonly allPlatforms?: boolean | undefined;
  /** Default `always`. */
  readonly policy?: PullPolicy | undefined;
  /** Blobs under way at one time in this pull. Default: `limits.concurrency`, else 6. */
  readonly concurrency?: number | undefined;
  /** Fetch layers that may not be distributed from their own `urls`, anonymously. Default false. */
  readonly foreignLayers?: boolean | undefined;
  /** Keep what was pulled from garbage collection while this process lives. Default true. */
  readonly lease?: boolean | undefined;
  /** Unpack the layers into the store while they arrive, shared between images. Default false. */
  readonly unpack?: boolean | LayerOptions | undefined;
  /**
   * With `unpack`: give up the layers' blobs once they are unpacked. Whatever needs one later (another
   * form, serving, copying) fetches it again. Default false.
   */
  readonly discardBlobs?: boolean | undefined;
}

export interface PullResult {
  /** Canonical: `docker.io/library/alpine:3.20`. */
  readonly reference: string;
  /** What the reference resolved to: an index or a manifest. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly images: readonly PulledImage[];
  /** Bytes that came over the wire. */
  readonly transferred: number;
  /** Bytes of the image that were in the store already. */
  readonly existed: number;
  /** Requests to registries, those for tokens included. */
  readonly requests: number;
  readonly ms: number;
  /** Whether everything was there already. */
  readonly upToDate: boolean;
  /** Undefined when `unpack` was not asked for. */
  readonly unpacked: UnpackTotals | undefined;
  /** Undefined when `lease: false` was asked for. */
  readonly lease: Lease | undefined;
}

/** Brings an image from its registry into the local store. */
export async function pull(
  session: Session,
  text: string,
  options: PullOptions = {},
): Promise<PullResult> {
  const { unpack } = options;
  if (unpack === undefined || unpack === false) return pullInto(session, text, options);
  const { cacheConsumer } = await import("./unpack/cached.ts");
  const { countUnpacked } = await import("./unpack/totals.ts");
  // Where there is no blob to go back to, the layer itself has to outlive a loss of power.
  const sync = options.discardBlobs ? { sync: true } : {};
  const how = { ...(unpack === true ? {} : unpack), ...sync, ...session.operation(options) };
  const counted = countUnpacked(how);
  const pulled = await pullInto(
    session,
    text,
    options,
    await cacheConsumer(session, counted.options),
  );
  if (options.discardBlobs) await discard(session, pulled, counted.options);
  return { ...pulled, unpacked: counted.totals() };
}

/** The same, its layers shown to a consumer while they arrive. */
export async function pullInto(
  session: Session,
  text: string,
  options: PullOptions,
  consumer?: LayerConsumer,
): Promise<PullResult> {
  const reference = parseReference(text);
  const name = formatReference(reference);
  const attributes = { "lading.reference": name };
  const work = async () => {
    const started = session.clock.now();
    const wanted = wantedPlatform(options);
    const counted = countRequests(session.operation(options));
    const store = await session.store();
    const pulling: Pulling = {
      session,
      store,
      reference,
      name,
      wanted,
      options: counted.options,
      consumer,
    };
    // From before the first blob until it is named and leased, so that nothing is collected between.
    const endHold = await store.hold(counted.options);
    const { pulled, lease } = await pullAndLease(pulling).finally(endHold);
    const { descriptor, images, transferred, existed } = pulled;
    const ms = session.clock.now() - started;
    const requests = counted.requests();
    const { digest, mediaType } = descriptor;
    counted.options.onEvent?.({ type: "done", reference: name, digest, transferred, requests, ms });
    const upToDate = pulled.upToDate;
    return {
      reference: name,
      digest,
      mediaType,
      images,
      transferred,
      existed,
      requests,
      ms,
      upToDate,
      unpacked: undefined,
      lease,
    };
  };
  return failing({ reference: name }, () => session.span("lading.pull", attributes, work));
}

async function pullAndLease(
  pulling: Pulling,
): Promise<{ readonly pulled: Pulled; readonly lease: Lease | undefined }> {
  const { store, options } = pulling;
  const pulled = await pullAndUnpack(pulling);
  if (options.lease === false) return { pulled, lease: undefined };
  return { pulled, lease: await store.lease([pulled.descriptor], options) };
}

/** Whatever fails, on whichever side: nothing goes on, and the first failure is the one that is told. */
async function pullAndUnpack(pulling: Pulling): Promise<Pulled> {
  const { consumer } = pulling;
  try {
    const pulled = (await fromStore(pulling)) ?? (await fromRegistry(pulling));
    await consumer?.end();
    return pulled;
  } catch (error) {
    throw consumer === undefined ? error : await consumer.stop(error);
  }
}

/** After everything else, alone in the store: somebody may be reading a blob of the same image. */
async function discard(
  session: Session,
  { images }: PullResult,
  options: OperationOptions,
): Promise<void> {
  const layers = images.flatMap((image) => image.layers.map(({ descriptor }) => descriptor.digest));
  await (await session.store()).discard([...new Set(layers)], options);
}

interface Pulling {
  readonly session: Session;
  readonly store: LocalStore;
  readonly reference: Reference;
  readonly name: string;
  readonly wanted: WantedPlatform;
  readonly options: PullOptions;
  readonly consumer: LayerConsumer | undefined;
}

interface Pulled {
  readonly descriptor: Descriptor;
  readonly images: readonly PulledImage[];
  readonly transferred: number;
  readonly existed: number;
  readonly upToDate: boolean;
}

/** What needs no registry: a policy that says so, or a digest, which can't have moved. */
async function fromStore(pulling: Pulling): Promise<Pulled | undefined> {
  const { store, name, wanted } = pulling;
  const { policy = "always" } = pulling.options;
  if (policy === "always" && pulling.reference.digest === undefined) return undefined;
  const image = await complete(pulling);
  if (image !== undefined) return there(pulling, image);
  if (policy !== "never") return undefined;
  throw await notStored(store, name, wanted, "use --policy missing to ask the registry");
}

async function fromRegistry(pulling: Pulling): Promise<Pulled> {
  const { session, store, reference, name, wanted, options, consumer } = pulling;
  const repository = await session.repository(reference);
  options.onEvent?.({ type: "resolving", reference: name, from: repository.name });
  const top = await repository.resolve(reference.digest ?? reference.tag ?? "latest", options);
  const { digest, mediaType, size } = top;
  options.onEvent?.({ type: "resolved", reference: name, digest, mediaType, size });
  const image = await complete(pulling);
  if (image?.descriptor.digest === top.digest) return there(pulling, image);

  const choice = new PlatformChoice(wanted);
  const copied: CopiedImage[] = [];
  const result = await copying(pulling, repository, top, {
    ...options,
    concurrency: options.concurrency ?? session.options.limits?.concurrency,
    retry: session.options.retry,
    clock: session.clock,
    foreignLayers: options.foreignLayers ? "fetch" : "skip",
    limit: session.limit,
    select: choice.select,
    wanted(image) {
      if (!choice.accepts(image.descriptor, image.config)) return false;
      copied.push(image);
      consumer?.image(image.layers.map(({ layer, diffId }) => ({ descriptor: layer, diffId })));
      return true;
    },
  });
  choice.checkFound();
  const images = choice.inOrder(copied);
  const manifests = images.map(({ descriptor, config }) => ({
    descriptor,
    platform: choice.platformOf(descriptor, config),
  }));
  await store.record({ reference: name, descriptor: top, manifests }, options);
  return {
    descriptor: top,
    images: images.map((image) => pulledImage(image, choice, result.outcomes)),
    transferred: result.transferred,
    existed: existedBytes(images, result.outcomes),
    upToDate: [...result.outcomes.values()].every((outcome) => outcome === "existed"),
  };
}

/** What the store has, if it is enough: a blob that was discarded counts only for who has its layer. */
async function complete(pulling: Pulling): Promise<StoredImage | undefined> {
  const { store, name, wanted, options, consumer } = pulling;
  const image = await completeImage(store, name, wanted, options);
  for (const { layers } of image?.manifests ?? []) {
    for (const { descriptor, diffId } of layers) {
      if (!(await store.isDiscarded(descriptor.digest)) || (await store.has(descriptor))) continue;
      if (!(await consumer?.has(diffId))) return undefined;
    }
  }
  return image;
}

/** The copy, watched by whoever reads layers while they arrive; a layer that fails ends it. */
async function copying(
  { store, consumer }: Pulling,
  from: ContentSource,
  top: Descriptor,
  options: CopyOptions,
): Promise<CopyResult> {
  if (consumer === undefined) return copy(from, store, top, options);
  const to = withArrivals(store, consumer);
  const signal = AbortSignal.any([consumer.failed, ...(options.signal ? [options.signal] : [])]);
  const onEvent = (event: LadingEvent): void => {
    options.onEvent?.(event);
    if (event.type === "exists") consumer.there(event.digest);
  };
  return copy(from, to, top, { ...options, signal, onEvent });
}

async function there(pulling: Pulling, image: StoredImage): Promise<Pulled> {
  const { descriptor, manifests } = image;
  await pulling.store.touch(pulling.name);
  for (const { layers } of manifests) pulling.consumer?.image(layers);
  pulling.options.onEvent?.({
    type: "exists",
    digest: descriptor.digest,
    size: descriptor.size,
    role: isIndexType(descriptor.mediaType) ? "index" : "manifest",
  });
  return {
    descriptor,
    images: await Promise.all(manifests.map((manifest) => storedImage(pulling.store, manifest))),
    transferred: 0,
    existed: image.size,
    upToDate: true,
  };
}

function countRequests(options: PullOptions): { options: PullOptions; requests: () => number } {
  let requests = 0;
  const onEvent = (event: LadingEvent): void => {
    if (event.type === "request") requests += 1;
    options.onEvent?.(event);
  };
  return { options: { ...options, onEvent }, requests: () => requests };
}
