import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { OperationOptions } from "../../content/events.ts";
import { onDisk } from "../../disk/disk-error.ts";
import { makeFolder } from "../../disk/folder.ts";
import { throwIfAborted } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { type Digest, digestAlgorithm, digestHex } from "../../oci/digest.ts";
import { isForeignLayerType } from "../../oci/media-types.ts";
import { blobSize, listBlobs } from "../blobs/blobs.ts";
import { isDiscarded } from "../blobs/discarded.ts";
import { refresh } from "../catalog/reconcile.ts";
import { reachable } from "../collect/reachable.ts";
import type { Holds } from "../hold.ts";
import type { Layout } from "../layout.ts";
import { readIndex } from "../names/index-json.ts";
import { listImages, type NamesOf } from "../names/names.ts";
import type { BrokenBlob, VerifyReport } from "../types.ts";
import { HashPool } from "./hash-pool.ts";
import type { HashReply } from "./hash-protocol.ts";

export interface VerifyOptions extends OperationOptions {
  readonly repair?: boolean | undefined;
}

/**
 * Hashes every blob again, on all cores. What is wrong is named with the images that need it; with
 * `repair` it is moved to `quarantine/`, so that the next pull brings it anew, and what needs it no
 * longer counts as complete.
 */
export async function verifyStore(
  store: NamesOf & { readonly holds: Holds },
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const release = options.repair
    ? await store.holds.exclusive(options).then((lock) => () => lock.release())
    : await store.holds.reading(options);
  try {
    const checked = await checkBlobs(store.layout, options);
    const missing = await missingBlobs(store, checked.digests, options);
    const problems = [...checked.problems, ...missing];
    const broken: BrokenBlob[] = [];
    for (const { digest, problem } of problems) {
      const quarantined = Boolean(options.repair) && problem !== "missing";
      if (quarantined) await quarantine(store.layout, digest);
      const references = await needing(store, digest, options);
      broken.push({ digest, problem, references, quarantined });
    }
    if (options.repair && broken.length > 0) {
      await refresh(store.layout, store.catalog, store.clock, options);
    }
    return { blobs: checked.digests.size, bytes: checked.bytes, broken };
  } finally {
    release();
  }
}

interface Problem {
  readonly digest: Digest;
  readonly problem: BrokenBlob["problem"];
}

async function checkBlobs(
  layout: Layout,
  options: OperationOptions,
): Promise<{ digests: ReadonlySet<Digest>; bytes: number; problems: readonly Problem[] }> {
  const sizes = new Map<Digest, number>();
  for await (const digest of listBlobs(layout)) {
    sizes.set(digest, (await blobSize(layout, digest)) ?? 0);
  }
  const largestFirst = [...sizes].sort(([, a], [, b]) => b - a);
  const problems: Problem[] = [];
  let bytes = 0;
  await using pool = new HashPool();
  await Promise.all(
    largestFirst.map(async ([digest, size]) => {
      throwIfAborted(options.signal);
      const blob = { digest, size, role: "other" } as const;
      const reply = await pool.hash(layout.blob(digest), digest);
      throwIfAborted(options.signal);
      const problem = problemOf(reply, digest);
      bytes += size;
      if (problem !== undefined) problems.push({ digest, problem });
      else options.onEvent?.({ type: "verified", ...blob, transferred: 0 });
    }),
  );
  return { digests: new Set(sizes.keys()), bytes, problems };
}

function problemOf(reply: HashReply, digest: Digest): BrokenBlob["problem"] | undefined {
  if ("problem" in reply) return reply.problem;
  return reply.hex === digestHex(digest) ? undefined : "wrong-digest";
}

/** What names need and the disk does not have; foreign layers may be missing, so those don't count. */
async function missingBlobs(
  store: NamesOf,
  present: ReadonlySet<Digest>,
  options: OperationOptions,
): Promise<readonly Problem[]> {
  const images = await listImages(store, options);
  const needed = new Set<Digest>();
  for (const { descriptor, manifests } of images) {
    needed.add(descriptor.digest);
    for (const { descriptor, config } of manifests)
      needed.add(descriptor.digest).add(config.digest);
    for (const digest of layersOf(manifests)) needed.add(digest);
  }
  const problems: Problem[] = [];
  for (const digest of needed) {
    if (present.has(digest) || (await isDiscarded(store.layout, digest))) continue;
    problems.push({ digest, problem: "missing" });
  }
  return problems;
}

function layersOf(
  manifests: readonly { readonly layers: readonly { readonly descriptor: Descriptor }[] }[],
): Digest[] {
  return manifests.flatMap(({ layers }) =>
    layers
      .filter(({ descriptor }) => !isForeignLayerType(descriptor.mediaType))
      .map((layer) => layer.descriptor.digest),
  );
}

async function needing(
  store: NamesOf,
  digest: Digest,
  options: OperationOptions,
): Promise<readonly string[]> {
  throwIfAborted(options.signal);
  const { entries } = await readIndex(store.layout);
  const names: string[] = [];
  for (const { name, descriptor } of entries) {
    if (name === undefined) continue;
    const below = await reachable(store.layout, [descriptor], "skip");
    if (below.has(digest)) names.push(name);
  }
  return names;
}

async function quarantine(layout: Layout, digest: Digest): Promise<void> {
  await makeFolder(layout.quarantine);
  const to = join(layout.quarantine, `${digestAlgorithm(digest)}-${digestHex(digest)}`);
  await onDisk("moving a broken blob away", to, () => rename(layout.blob(digest), to));
}
