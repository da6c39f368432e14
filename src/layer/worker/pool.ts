import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { abortedError, LadingError } from "../../errors.ts";
import type { LayerRecord } from "../record.ts";
import { fromFailedWork } from "./failed-work.ts";
import type {
  CloneRequest,
  Envelope,
  InflateRequest,
  MergeRequest,
  RemoveRequest,
  UnpackProgress,
  UnpackRequest,
  WorkerReply,
  WorkerRequest,
} from "./protocol.ts";
import { ringMemory } from "./ring.ts";

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
  /** Inflate in one thread and write in another, if there are two that have nothing else to do. */
  readonly split?: boolean;
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
  #closed = false;

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

  get threads(): number {
    return this.#threads;
  }

  async perform(
    request: CloneRequest | MergeRequest | RemoveRequest,
    options: WorkOptions = {},
  ): Promise<void> {
    await this.#perform(request, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#queue.splice(0)) reject(closedError());
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #perform(request: WorkerRequest, options: WorkOptions): Promise<WorkerReply> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedError();
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
      const second = task.options.split ? (this.#idle.pop() ?? this.#hire()) : undefined;
      if (second === undefined || task.request.type !== "unpack") this.#run(worker, task);
      else this.#runSplit(worker, second, task.request, task);
    }
  }

  /** One layer with two threads. What the one that reads the blob says comes first. */
  #runSplit(worker: Worker, second: Worker, request: UnpackRequest, task: Task): void {
    const inflated = ringMemory();
    const { paths, arriving, size, limits } = request;
    const { signal } = task.options;
    const reading = new Promise<WorkerReply>((resolve, reject) => {
      const half: InflateRequest = { type: "inflate", paths, arriving, size, limits, inflated };
      this.#run(second, { request: half, options: { signal }, resolve, reject });
    });
    const writing = new Promise<WorkerReply>((resolve, reject) => {
      const half = { ...request, inflated };
      this.#run(worker, { request: half, options: task.options, resolve, reject });
    });
    void Promise.allSettled([reading, writing]).then(([read, written]) => {
      const gaveUp = read.status === "rejected" && isAborted(read.reason);
      if (read.status === "rejected" && !gaveUp) task.reject(read.reason);
      else if (written.status === "rejected") task.reject(written.reason);
      else task.resolve(written.value);
    });
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
      if (this.#closed) reject(closedError());
      else reject(new LadingError("internal", "a thread that writes layers stopped", { cause }));
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

function closedError(): LadingError {
  return new LadingError("aborted", "lading was closed while a layer was unpacked");
}

function isAborted(error: unknown): boolean {
  return error instanceof LadingError && error.code === "aborted";
}

interface Task {
  readonly request: WorkerRequest;
  readonly options: WorkOptions;
  resolve(reply: WorkerReply): void;
  reject(error: unknown): void;
}
