import { availableParallelism } from "node:os";
import { abortedError, LadingError } from "../../errors.ts";
import type { LayerSummary } from "../record.ts";
import type {
  CloneRequest,
  FixupRequest,
  InflateRequest,
  MergeRequest,
  RemoveRequest,
  SyncRequest,
  UnpackRequest,
  WorkerReply,
  WorkerRequest,
} from "./protocol.ts";
import { Ring, ringMemory } from "./ring.ts";
import { type WorkOptions, WorkThread } from "./thread.ts";

export interface PoolOptions {
  /** Default: one for each core, eight at most. */
  readonly threads?: number | undefined;
  /** False: without the optional native calls. Default true. */
  readonly native?: boolean | undefined;
}

export interface UnpackWorkOptions extends WorkOptions {
  /** Inflate in one thread and write in another, if there are two that have nothing else to do. */
  readonly split?: boolean;
}

const MOST_THREADS = 8;
/** Threads that wait for a slow network stand aside for as many others. */
const MOST_STALLED = 8;

/**
 * Threads that write layers, made when there is work for them. Short work goes first, since others
 * wait for it, then layers whose blobs are whole, then those that still arrive; of each, the largest.
 */
export class WorkerPool implements AsyncDisposable {
  readonly threads: number;
  readonly #native: boolean;
  readonly #all = new Set<WorkThread>();
  readonly #idle: WorkThread[] = [];
  #queue: Task[] = [];
  #closed = false;

  constructor({ threads, native = true }: PoolOptions = {}) {
    this.threads = threads ?? Math.min(MOST_THREADS, availableParallelism());
    this.#native = native;
  }

  /** Begins threads that will soon have work, while something else is waited for. */
  warm(): void {
    while (!this.#closed && this.#all.size < this.threads) this.#idle.push(this.#hire());
  }

  /** The record of the written layer; `undefined` when its download was interrupted. */
  async unpack(
    request: UnpackRequest,
    options: UnpackWorkOptions = {},
  ): Promise<LayerSummary | undefined> {
    const urgency = request.arriving === undefined ? Urgency.whole : Urgency.arriving;
    const reply = await this.#perform({ request, options, urgency, weight: request.size });
    return reply.type === "unpacked" ? reply.record : undefined;
  }

  async perform(
    request: CloneRequest | MergeRequest | FixupRequest | RemoveRequest | SyncRequest,
    options: WorkOptions = {},
  ): Promise<void> {
    await this.#perform({ request, options, urgency: Urgency.short, weight: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#queue.splice(0)) reject(closedError());
    await Promise.all([...this.#all].map((thread) => thread.terminate()));
  }

  #perform(work: Omit<Task, "resolve" | "reject">): Promise<WorkerReply> {
    if (this.#closed) return Promise.reject(closedError());
    const { signal } = work.options;
    return new Promise<WorkerReply>((resolve, reject) => {
      const task: Task = { ...work, resolve, reject };
      // What has not begun need not be waited for.
      const giveUp = (): void => {
        if (signal === undefined || !this.#queue.includes(task)) return;
        this.#queue = this.#queue.filter((other) => other !== task);
        reject(abortedError(signal));
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#queue.push(task);
      this.#queue.sort((a, b) => a.urgency - b.urgency || b.weight - a.weight);
      if (signal?.aborted) giveUp();
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (let thread = this.#free(); thread !== undefined; thread = this.#free()) {
      const task = this.#queue.shift();
      if (task === undefined) {
        this.#idle.push(thread);
        return;
      }
      const split = task.options.split === true && task.request.type === "unpack";
      const second = split ? this.#free(1) : undefined;
      if (second !== undefined && task.request.type === "unpack") {
        task.resolve(this.#runSplit(thread, second, task.request, task.options));
      } else task.resolve(this.#run(thread, task.request, task.options));
    }
  }

  /** A thread that may work now, beside `more` that are about to. */
  #free(more = 0): WorkThread | undefined {
    if (this.#queue.length === 0 && more === 0) return undefined;
    const stalled = [...this.#all].filter((thread) => thread.stalled).length;
    const running = this.#all.size - this.#idle.length - stalled;
    if (running >= this.threads) return undefined;
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    return this.#all.size < this.threads + MOST_STALLED ? this.#hire() : undefined;
  }

  #hire(): WorkThread {
    const thread: WorkThread = new WorkThread({
      native: this.#native,
      onStalled: () => this.#dispatch(),
      onDead: () => {
        this.#all.delete(thread);
        const at = this.#idle.indexOf(thread);
        if (at >= 0) this.#idle.splice(at, 1);
      },
    });
    this.#all.add(thread);
    return thread;
  }

  async #run(
    thread: WorkThread,
    request: WorkerRequest,
    options: WorkOptions,
  ): Promise<WorkerReply> {
    try {
      return await thread.run(request, options);
    } catch (error) {
      throw this.#closed ? closedError() : error;
    } finally {
      this.#rest(thread);
    }
  }

  /** Idle from now on; those that stood in for stalled ones are not kept. */
  #rest(thread: WorkThread): void {
    if (this.#all.has(thread)) {
      if (this.#all.size > this.threads && this.#queue.length === 0) {
        this.#all.delete(thread);
        void thread.terminate();
      } else this.#idle.push(thread);
    }
    this.#dispatch();
  }

  /** One layer with two threads. When one of them fails, the other one has nothing to wait for. */
  async #runSplit(
    writer: WorkThread,
    reader: WorkThread,
    request: UnpackRequest,
    options: WorkOptions,
  ): Promise<WorkerReply> {
    const inflated = ringMemory();
    const { paths, arriving, size, limits } = request;
    const half: InflateRequest = { type: "inflate", paths, arriving, size, limits, inflated };
    const orBreak = (error: unknown): never => {
      new Ring(inflated).break();
      throw error;
    };
    const [read, written] = await Promise.allSettled([
      this.#run(reader, half, { signal: options.signal }).catch(orBreak),
      this.#run(writer, { ...request, inflated }, options).catch(orBreak),
    ]);
    // What is wrong with the blob comes before what the other half made of it.
    if (read.status === "rejected" && !isAborted(read.reason)) throw read.reason;
    if (written.status === "rejected") throw written.reason;
    return written.value;
  }
}

const Urgency = { short: 0, whole: 1, arriving: 2 } as const;

function closedError(): LadingError {
  return new LadingError("aborted", "lading was closed while a layer was unpacked");
}

function isAborted(error: unknown): boolean {
  return error instanceof LadingError && error.code === "aborted";
}

interface Task {
  readonly request: WorkerRequest;
  readonly options: UnpackWorkOptions;
  readonly urgency: number;
  readonly weight: number;
  resolve(reply: Promise<WorkerReply>): void;
  reject(error: unknown): void;
}
