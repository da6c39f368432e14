import { type ChildProcess, spawn } from "node:child_process";
import { type Clock, systemClock } from "../../../clock.ts";

export interface RunOptions {
  readonly path: string;
  readonly verb: "get" | "store" | "erase" | "list";
  readonly input: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly clock?: Clock | undefined;
}

/** How a helper ended. */
export type Ran =
  | {
      readonly end: "exit";
      readonly code: number;
      readonly stdout: Buffer;
      readonly stderr: Buffer;
    }
  | { readonly end: "signal"; readonly signal: string }
  | { readonly end: "timeout" | "flood" | "aborted" }
  | { readonly end: "not-started"; readonly code: string };

/**
 * Runs a helper without a shell, in bounded time and memory. Who does not end is told to, and then is
 * ended. Nothing that it started itself is waited for.
 */
export async function runHelper(options: RunOptions): Promise<Ran> {
  if (options.signal?.aborted) return { end: "aborted" };
  const { path, verb, input, environment, signal, timeoutMs, clock = systemClock } = options;
  return new Promise((resolve) => {
    const child = spawn(path, [verb], { env: environment, shell: false, stdio: "pipe" });
    const stdout = collect(child.stdout, MAX_STDOUT_BYTES, () => give("flood"));
    const stderr = collect(child.stderr, MAX_STDERR_BYTES, () => {});
    const abort = (): void => give("aborted");
    const cancelTimer = clock.after(timeoutMs, () => give("timeout"));
    let exit: { readonly code: number | null; readonly signal: string | null } | undefined;

    const settle = (ran: Ran): void => {
      cancelTimer();
      signal?.removeEventListener("abort", abort);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(ran);
    };
    const give = (end: "flood" | "aborted" | "timeout"): void => {
      kill(child, clock);
      settle({ end });
    };
    const ended = (): void => {
      if (exit?.code === null) settle({ end: "signal", signal: exit.signal ?? "a signal" });
      else if (exit !== undefined) {
        settle({ end: "exit", code: exit.code, stdout: stdout(), stderr: stderr() });
      }
    };
    child.on("error", (error: NodeJS.ErrnoException) =>
      settle({ end: "not-started", code: error.code ?? "it does not start" }),
    );
    child.on("exit", (code, killed) => {
      exit = { code, signal: killed };
      // Something that it left running may hold its output open for ever.
      clock.after(LINGER_MS, ended);
    });
    child.on("close", ended);
    signal?.addEventListener("abort", abort, { once: true });
    // One that does not read what it is given is judged by what it answers.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

const MAX_STDOUT_BYTES = 64 * 1024;
const MAX_STDERR_BYTES = 8 * 1024;
const LINGER_MS = 1_000;
const GRACE_MS = 2_000;

function collect(stream: NodeJS.ReadableStream, most: number, onFlood: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= most) chunks.push(chunk);
    else onFlood();
  });
  stream.on("error", () => {});
  return () => Buffer.concat(chunks);
}

function kill(child: ChildProcess, clock: Clock): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const end = (): void => void child.kill("SIGKILL");
  const cancel = clock.after(GRACE_MS, end);
  process.once("exit", end);
  child.once("exit", () => {
    cancel();
    process.removeListener("exit", end);
  });
}
