import type { Clock } from "../../clock.ts";
import type { IngestOptions } from "../../content/port.ts";
import { Turns } from "../../content/turns.ts";
import type { Watermark } from "../../content/watermark.ts";
import { acquireLock, type Lock } from "../../disk/lock.ts";
import { type Digest, digestAlgorithm, digestHex } from "../../oci/digest.ts";
import type { Layout } from "../layout.ts";

const PROGRESS_MS = 100;

/**
 * The exclusive right to bring in a digest: first within this process, where those who wait see the
 * holder's progress, then between processes, where they see its pid. Whoever waits takes over when the
 * holder fails, from the part that it left, with a source and credentials of their own.
 */
export class Flights {
  readonly #layout: Layout;
  readonly #clock: Clock;
  readonly #turns = new Turns();
  readonly #watermarks = new Map<Digest, Watermark>();

  constructor(layout: Layout, clock: Clock) {
    this.#layout = layout;
    this.#clock = clock;
  }

  async take(digest: Digest, options: IngestOptions): Promise<() => void> {
    const { signal } = options;
    let stopWatching = (): void => {};
    const endTurn = await this.#turns
      .take(digest, signal, () => {
        tellWaiting(digest, process.pid, options);
        stopWatching = this.#watch(digest, options);
      })
      .finally(() => stopWatching());
    let lock: Lock;
    try {
      const name = `blob-${digestAlgorithm(digest)}-${digestHex(digest)}`;
      lock = await acquireLock(this.#layout.lock(name), "exclusive", {
        clock: this.#clock,
        signal,
        onWait: (pid) => tellWaiting(digest, pid, options),
      });
    } catch (error) {
      endTurn();
      throw error;
    }
    return () => {
      this.#watermarks.delete(digest);
      lock.release();
      endTurn();
    };
  }

  /** Lets those who wait for this digest see how far it is. */
  show(digest: Digest, watermark: Watermark): void {
    this.#watermarks.set(digest, watermark);
  }

  #watch(digest: Digest, { onWaitProgress }: IngestOptions): () => void {
    if (onWaitProgress === undefined) return () => {};
    let cancel = (): void => {};
    const look = (): void => {
      const watermark = this.#watermarks.get(digest);
      if (watermark !== undefined) onWaitProgress(watermark.contiguous, watermark.generation);
      cancel = this.#clock.after(PROGRESS_MS, look);
    };
    look();
    return () => cancel();
  }
}

function tellWaiting(digest: Digest, pid: number | undefined, { onEvent }: IngestOptions): void {
  const holder = pid === undefined ? {} : { pid };
  onEvent?.({ type: "waiting", why: { kind: "same-download", digest, ...holder } });
}
