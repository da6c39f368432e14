import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { LadingError } from "../../errors.ts";
import { type Digest, digestAlgorithm } from "../../oci/digest.ts";
import type { HashReply, HashRequest } from "./hash-protocol.ts";

/** Hashes files on all cores: one worker a core, each with one file at a time. */
export class HashPool implements AsyncDisposable {
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  #next = 0;

  constructor(threads: number = availableParallelism()) {
    for (let n = 0; n < threads; n += 1) {
      const worker = new Worker(new URL("./hash-worker.js", import.meta.url));
      worker.unref();
      this.#workers.push(worker);
      this.#idle.push(worker);
    }
  }

  async hash(path: string, digest: Digest): Promise<HashReply> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((on) => this.#waiting.push(on)));
    try {
      return await ask(worker, { id: this.#next++, path, algorithm: digestAlgorithm(digest) });
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next(worker);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function ask(worker: Worker, request: HashRequest): Promise<HashReply> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(new LadingError("internal", "a hashing worker stopped", { cause }));
    const done = (reply: HashReply): void => {
      worker.off("error", fail).off("exit", fail);
      worker.unref();
      resolve(reply);
    };
    worker.ref();
    worker.once("message", done).once("error", fail).once("exit", fail);
    worker.postMessage(request);
  });
}
