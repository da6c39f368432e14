import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { abortedError, LadingError } from "../../errors.ts";
import type { LayerRecord } from "../record.ts";
import { fromFailedWork } from "./failed-work.ts";
import type {
  CloneRequest,
  Envelope,
  MergeRequest,
  RemoveRequest,
  UnpackProgress,
  UnpackRequest,
  WorkerReply,
  WorkerRequest,
} from "./protocol.ts";

export interface PoolOptions {
  /** Default: one for each core, eight at most. */
  readonly threads?: number | undefined;
  /** False: without the optional native calls. Default true. */
  readonly native?: boolean | undefined;
}

export interface WorkOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: UnpackProgress) => void) | undefined;
  /** Of the work that waits, the largest goes first. */
  readonly weight?: number;
}

const MOST_THREADS = 8;

/** Threads that write layers. Made when there is work for them, one for each piece that waits. */
export class WorkerPool implements AsyncDisposable {
  readonly #threads: number;
  readonly #native: boolean;
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #queue: Task[] = [];
  #next = 0;

  constructor({ threads, native = true }: PoolOptions = {}) {
    this.#threads = threads ?? Math.min(MOST_THREADS, availableParallelism());
    this.#native = native;
  }

  /** The record of the written layer; `undefined` when its download was interrupted. */
  async unpack(
    request: UnpackRequest,
    options: WorkOptions = {},
  ): Promise<LayerRecord | undefined> {
    const reply = await this.#perform(request, options);
    return reply.type === "unpacked" ? reply.record : undefined;
  }

  async perform(
    request: CloneRequest | MergeRequest | RemoveRequest,
    options: WorkOptions = {},
  ): Promise<void> {
    await this.#perform(request, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
    this.#workers.clear();
  }

  #perform(request: WorkerRequest, options: WorkOptions): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, options, resolve, reject });
      this.#queue.sort((a, b) => (b.options.weight ?? 0) - (a.options.weight ?? 0));
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? this.#hire();
      if (worker === undefined) return;
      const task = this.#queue.shift();
      if (task === undefined) return;
      this.#run(worker, task);
    }
  }

  #hire(): Worker | undefined {
    if (this.#workers.size >= this.#threads) return undefined;
    const worker = new Worker(new URL("./layer-worker.js", import.meta.url), {
      // Some descriptors come from native calls: Node would warn of each that it closes.
      trackUnmanagedFds: false,
    });
    worker.unref();
    this.#workers.add(worker);
    return worker;
  }

  #run(worker: Worker, { request, options, resolve, reject }: Task): void {
    const { signal, onProgress } = options;
    const cancelled = new SharedArrayBuffer(4);
    const cancel = (): void => void Atomics.store(new Int32Array(cancelled), 0, 1);
    const end = (): void => {
      worker.off("message", hear).off("error", fail).off("exit", fail);
      signal?.removeEventListener("abort", cancel);
      worker.unref();
    };
    const hear = (reply: WorkerReply): void => {
      if (reply.type === "progress") {
        onProgress?.(reply.progress);
        return;
      }
      end();
      this.#idle.push(worker);
      if (signal?.aborted) reject(abortedError(signal));
      else if (reply.type === "failed") reject(fromFailedWork(reply.error));
      else resolve(reply);
      this.#dispatch();
    };
    const fail = (cause: unknown): void => {
      end();
      this.#workers.delete(worker);
      reject(new LadingError("internal", "a thread that writes layers stopped", { cause }));
      this.#dispatch();
    };
    worker.ref();
    worker.on("message", hear).once("error", fail).once("exit", fail);
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    const id = this.#next++;
    worker.postMessage({ id, request, cancelled, native: this.#native } satisfies Envelope);
  }
}

interface Task {
  readonly request: WorkerRequest;
  readonly options: WorkOptions;
  resolve(reply: WorkerReply): void;
  reject(error: unknown): void;
}
