import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { BlobEvent } from "../events.ts";
import type { ContentTarget, Ingest } from "../port.ts";
import { defaultRetryPolicy, RetryBudget } from "../retry.ts";
import type { Span } from "../spans.ts";
import { type Fetching, type Opener, Progress, pump, type TransferOptions } from "./fetching.ts";
import { persist } from "./patience.ts";
import { fetchRanges, planRanges } from "./ranges.ts";
import { isElsewhere } from "./read.ts";
import { VerifiedIngest, verifyBytes, wrongDigest } from "./verify.ts";

export interface TransferResult {
  /** It was there already, or somebody else brought it in meanwhile. */
  readonly existed: boolean;
  /** Bytes that came over the wire for it, those thrown away included. */
  readonly transferred: number;
}

/**
 * Moves one blob, verified, resuming what an earlier try left. Large blobs go in ranges side by side
 * when both sides can; everything else, and every server that answers a range with the whole, in one
 * stream.
 */
export async function transfer(
  source: Opener,
  target: ContentTarget,
  descriptor: Descriptor,
  options: TransferOptions,
): Promise<TransferResult> {
  const blob: BlobEvent = { digest: descriptor.digest, size: descriptor.size, role: options.role };
  const ingest = await target.ingest(descriptor, {
    signal: options.signal,
    onEvent: options.onEvent,
    onWaitProgress: (offset, generation) =>
      options.onEvent?.({ type: "bytes", ...blob, offset, generation }),
  });
  if (ingest === undefined) {
    options.onEvent?.({ type: "exists", ...blob });
    return { existed: true, transferred: 0 };
  }
  return finish(ingest, async () => {
    const verified = await VerifiedIngest.start(ingest, descriptor, options.signal);
    const progress = new Progress(blob, verified, options);
    progress.started();
    const budget = options.budget ?? new RetryBudget(options.retry ?? defaultRetryPolicy);
    const fetching: Fetching = {
      source,
      descriptor,
      verified,
      progress,
      options: { ...options, budget },
    };
    await fetchVerified(fetching, ingest.held.length > 0);
    progress.published();
    return { existed: false, transferred: progress.transferred };
  });
}

/**
 * Fetches until it is what the digest names, or nobody is left who might have it. Each place that lies
 * is left out; what was resumed, and the last place, get a second try from zero.
 */
async function fetchVerified(fetching: Fetching, resumed: boolean): Promise<void> {
  const { source, descriptor, verified, options } = fetching;
  let suspect = resumed;
  let second = true;
  for (;;) {
    const failure = await fetchOnce(fetching);
    if (failure === undefined) return;
    const { error, whole } = failure;
    // The part that was resumed may be what is wrong: nobody is blamed for that.
    const blameless = whole && suspect;
    if (blameless || !isElsewhere(source, descriptor, error, options)) {
      if (!whole || !second) throw error;
      second = false;
    }
    suspect = false;
    await verified.restart();
  }
}

interface Failure {
  readonly error: unknown;
  /** All of it came, and is not what the digest names. */
  readonly whole: boolean;
}

async function fetchOnce(fetching: Fetching): Promise<Failure | undefined> {
  const { verified, descriptor } = fetching;
  try {
    await fetchMissing(fetching);
  } catch (error) {
    return { error, whole: false };
  }
  return (await verified.commit()) ? undefined : { error: wrongDigest(descriptor), whole: true };
}

/** Brings in bytes that are in memory already; `transferred` of them came over the wire. */
export async function putBytes(
  target: ContentTarget,
  descriptor: Descriptor,
  bytes: Uint8Array,
  options: TransferOptions & { readonly transferred: number },
): Promise<TransferResult> {
  verifyBytes(descriptor, bytes);
  const { transferred, role, signal, onEvent } = options;
  const blob: BlobEvent = { digest: descriptor.digest, size: descriptor.size, role };
  const ingest = await target.ingest(descriptor, { signal, onEvent });
  if (ingest === undefined) {
    onEvent?.({ type: "exists", ...blob });
    return { existed: true, transferred };
  }
  return finish(ingest, async () => {
    if (ingest.held.length > 0) await ingest.restart();
    if (bytes.length > 0) await ingest.writeAt(0, bytes);
    await ingest.commit();
    onEvent?.({ type: "verified", ...blob, transferred });
    return { existed: false, transferred };
  });
}

/** What fails in passing leaves its part for the next try; what is wrong leaves nothing. */
async function finish<T>(ingest: Ingest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const wrong = error instanceof LadingError && error.code === "verification-failed";
    await ingest.abort({ keep: !wrong });
    throw error;
  }
}

async function fetchMissing(fetching: Fetching): Promise<void> {
  const { verified, descriptor, options } = fetching;
  let tryRanges = true;
  await persist(options, descriptor.digest, {
    progress: () => verified.heldBytes,
    done: () => verified.missing.length === 0,
    async attempt() {
      const plan = tryRanges ? planRanges(fetching) : undefined;
      if (plan !== undefined) {
        tryRanges = (await fetchRanges(fetching, plan)) === "ranged";
        if (tryRanges) return;
      }
      await fetchInOrder(fetching);
    },
  });
}

/** One stream after another over the gaps, front to back; usually there is one gap. */
async function fetchInOrder(fetching: Fetching): Promise<void> {
  const { verified } = fetching;
  for (let gap = verified.missing[0]; gap !== undefined; gap = verified.missing[0]) {
    const before = verified.heldBytes;
    await fetchGap(fetching, gap);
    await verified.settle();
    if (verified.heldBytes <= before) return;
  }
}

async function fetchGap(fetching: Fetching, gap: Span): Promise<void> {
  const { source, descriptor, verified, options } = fetching;
  const toEnd = gap.end === descriptor.size;
  const range = toEnd ? { offset: gap.start } : { offset: gap.start, length: gap.end - gap.start };
  const content = await source.open(descriptor, range, options);
  // A server that ignores the range sends the whole: start again from zero, never append to a part.
  if (content.offset !== gap.start || (!content.ranged && !toEnd)) await verified.restart();
  await pump(fetching, content, gap);
}
