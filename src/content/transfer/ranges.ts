import { type Clock, systemClock } from "../../clock.ts";
import type { OpenContent, ParallelRanges } from "../port.ts";
import type { Span } from "../spans.ts";
import type { Fetching } from "./fetching.ts";
import { pump } from "./fetching.ts";

export interface RangePlan extends ParallelRanges {
  /** What is missing, in pieces of one chunk at most, front first. */
  readonly chunks: readonly Span[];
}

/** How to fetch what is missing side by side; `undefined` where one stream serves better. */
export function planRanges({ source, descriptor, verified }: Fetching): RangePlan | undefined {
  const parallel = source.parallel;
  if (parallel === undefined || descriptor.size < parallel.above) return undefined;
  if (!verified.randomAccess) return undefined;
  const chunks = verified.missing.flatMap((gap) => split(gap, parallel.chunk));
  return chunks.length < 2 ? undefined : { ...parallel, chunks };
}

/** How many chunks per stream the furthest may be ahead of the front, so that a follower is fed. */
const WINDOW = 2;

/**
 * Fetches the chunks with a few streams that claim from the front. The first answer decides: a server
 * that sends the whole instead (200) is read to its end as the single stream, and no second request
 * was made. A connection that brings the first chunk in no time needs no help either: what comes in
 * order is hashed as it comes. `"single"` says that ranges are not to be tried again.
 *
 * When one stream fails, the others finish the chunk they are at; all that came is kept.
 */
export async function fetchRanges(
  fetching: Fetching,
  plan: RangePlan,
): Promise<"ranged" | "single"> {
  const { verified, options } = fetching;
  const [firstChunk] = plan.chunks;
  if (firstChunk === undefined) return "ranged";
  const first = await openChunk(fetching, firstChunk);
  if (!first.ranged) {
    if (verified.heldBytes > 0) await verified.restart();
    await pump(fetching, first, firstChunk);
    return "single";
  }
  const claims = new Claims(plan.chunks.slice(1), plan.chunk * plan.streams * WINDOW);
  let single = false;

  async function stream(): Promise<void> {
    try {
      for (;;) {
        const chunk = await claims.next(() => verified.front);
        if (chunk === undefined) return;
        const content = await openChunk(fetching, chunk);
        if (!content.ranged) {
          content.cancel();
          single = true;
          claims.stop();
          return;
        }
        await receive(content, chunk);
      }
    } catch (error) {
      claims.stop();
      throw error;
    }
  }

  async function receive(content: OpenContent, chunk: Span): Promise<void> {
    await pump(fetching, content, chunk);
    await verified.settle();
    claims.moved();
  }

  const received = receive(first, firstChunk);
  const small = firstChunk.end - firstChunk.start < plan.chunk;
  if (!small && !(await outlasts(received, plan.helpAfterMs, options.clock))) {
    await received;
    return "single";
  }
  const others = Array.from({ length: plan.streams - 1 }, () => stream());
  const ended = await Promise.allSettled([received.then(() => stream()), ...others]);
  for (const end of ended) if (end.status === "rejected") throw end.reason;
  options.signal?.throwIfAborted();
  return single ? "single" : "ranged";
}

/** Whether the work takes longer than that. */
function outlasts(work: Promise<void>, ms: number, clock: Clock = systemClock): Promise<boolean> {
  if (ms === 0) return Promise.resolve(true);
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve(true));
    const ended = (): void => {
      cancel();
      resolve(false);
    };
    work.then(ended, ended);
  });
}

function openChunk(fetching: Fetching, chunk: Span): Promise<OpenContent> {
  const range = { offset: chunk.start, length: chunk.end - chunk.start };
  return fetching.source.open(fetching.descriptor, range, fetching.options);
}

/** Hands out chunks from the front, none further than the window ahead of what is held. */
class Claims {
  readonly #chunks: Span[];
  readonly #window: number;
  #waiting: (() => void)[] = [];

  constructor(chunks: readonly Span[], window: number) {
    this.#chunks = [...chunks];
    this.#window = window;
  }

  async next(front: () => number): Promise<Span | undefined> {
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      if (chunk.start - front() <= this.#window) return this.#chunks.shift();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return undefined;
  }

  moved(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  stop(): void {
    this.#chunks.length = 0;
    this.moved();
  }
}

function split(gap: Span, size: number): Span[] {
  const pieces: Span[] = [];
  for (let start = gap.start; start < gap.end; start += size) {
    pieces.push({ start, end: Math.min(start + size, gap.end) });
  }
  return pieces;
}
