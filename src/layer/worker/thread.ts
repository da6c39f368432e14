import { Worker } from "node:worker_threads";
import { abortedError, LadingError } from "../../errors.ts";
import { fromFailedWork } from "./failed-work.ts";
import type { Envelope, UnpackProgress, WorkerReply, WorkerRequest } from "./protocol.ts";

export interface ThreadOptions {
  readonly native: boolean;
  /** It waits for bytes that have not arrived, or goes on. */
  onStalled(): void;
  /** It is gone, and takes no more work. */
  onDead(): void;
}

export interface WorkOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: UnpackProgress) => void) | undefined;
}

/**
 * V8 collects the sooner the less it may have: by default a thread would hold four times what lives.
 * A layer of 250 000 directories needs 60 MB.
 */
const MEMORY = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 24 };

/** One worker thread, with one piece of work at a time. */
export class WorkThread {
  readonly #options: ThreadOptions;
  readonly #worker: Worker;
  #work: Work | undefined;
  #next = 0;
  stalled = false;

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#worker = new Worker(new URL("./layer-worker.js", import.meta.url), {
      // Some descriptors come from native calls: Node would warn of each that it closes.
      trackUnmanagedFds: false,
      // The process's own may be for its own script: `--input-type`, say, is refused.
      execArgv: process.execArgv.filter((option) => option.startsWith("--cpu-prof")),
      resourceLimits: MEMORY,
    });
    this.#worker.unref();
    this.#worker.on("message", (reply: WorkerReply) => this.#hear(reply));
    this.#worker.on("error", (cause) => this.#die(cause));
    this.#worker.on("exit", (code) => this.#die(code));
  }

  /** Resolves to the reply that ends it; what failed rejects. */
  run(request: WorkerRequest, { signal, onProgress }: WorkOptions): Promise<WorkerReply> {
    const cancelled = new SharedArrayBuffer(4);
    const cancel = (): void => void Atomics.store(new Int32Array(cancelled), 0, 1);
    const id = this.#next++;
    this.#worker.ref();
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    const replied = new Promise<WorkerReply>((resolve, reject) => {
      this.#work = { id, resolve, reject, cancel, onProgress, failure: undefined };
    });
    this.#worker.postMessage({
      id,
      request,
      cancelled,
      native: this.#options.native,
    } satisfies Envelope);
    return replied
      .finally(() => signal?.removeEventListener("abort", cancel))
      .catch((error: unknown) => {
        throw signal?.aborted ? abortedError(signal) : error;
      });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #hear(reply: WorkerReply): void {
    const work = this.#work;
    if (work === undefined || reply.id !== work.id) return;
    if (reply.type === "progress") this.#tell(work, reply.progress);
    else if (reply.type === "stalled" || reply.type === "moving") this.#setStalled(reply.type);
    else {
      this.#work = undefined;
      this.stalled = false;
      this.#worker.unref();
      if (work.failure !== undefined) work.reject(work.failure);
      else if (reply.type === "failed") work.reject(fromFailedWork(reply.error));
      else work.resolve(reply);
    }
  }

  /** A listener that throws ends the work that it listens to, not the process. */
  #tell(work: Work, progress: UnpackProgress): void {
    try {
      work.onProgress?.(progress);
    } catch (error) {
      work.failure ??= error;
      work.cancel();
    }
  }

  #setStalled(type: "stalled" | "moving"): void {
    this.stalled = type === "stalled";
    this.#options.onStalled();
  }

  #die(cause: unknown): void {
    const work = this.#work;
    this.#work = undefined;
    this.#options.onDead();
    work?.reject(new LadingError("internal", "a thread that writes layers stopped", { cause }));
  }
}

interface Work {
  readonly id: number;
  readonly onProgress: WorkOptions["onProgress"];
  /** What a listener threw. */
  failure: unknown;
  resolve(reply: WorkerReply): void;
  reject(error: unknown): void;
  cancel(): void;
}
