import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { ReadStream, WriteStream } from "node:tty";
import { abortedError, LadingError, throwIfAborted } from "../../errors.ts";

export interface Prompt {
  /** `Password for ghcr.io: ` */
  readonly question: string;
  /** What is typed does not show. */
  readonly secret?: boolean;
}

export interface AskOptions {
  readonly signal: AbortSignal;
  /** For the hint where there is no terminal. */
  readonly otherwise: string;
}

/**
 * Asks the person at the terminal, even where standard input and output are something else; one
 * question after the other. Without a terminal nobody can answer: a `usage` error that says how else.
 */
export async function ask(
  prompts: readonly Prompt[],
  { signal, otherwise }: AskOptions,
): Promise<readonly string[]> {
  throwIfAborted(signal);
  const file = await open("/dev/tty", "r+").catch(() => undefined);
  if (file === undefined) {
    throw new LadingError("usage", "there is no terminal to ask on", { hint: otherwise });
  }
  const input = new ReadStream(file.fd);
  const output = new WriteStream(file.fd);
  try {
    return await converse(prompts, { input, output, signal });
  } finally {
    input.destroy();
    output.destroy();
    await file.close().catch(() => {});
  }
}

interface Terminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly signal: AbortSignal;
}

async function converse(
  prompts: readonly Prompt[],
  { input, output, signal }: Terminal,
): Promise<readonly string[]> {
  let secret = false;
  const shown = new Writable({
    write(chunk, _encoding, done) {
      if (!secret) output.write(chunk);
      done();
    },
  });
  // It edits the line itself, so the terminal echoes nothing; without a history, which would hold it.
  const lines = createInterface({ input, output: shown, terminal: true, historySize: 0 });
  // While it does, Ctrl-C is but a character.
  lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  const abort = (): void => lines.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    const typed = lines[Symbol.asyncIterator]();
    const answers: string[] = [];
    for (const prompt of prompts) {
      secret = prompt.secret === true;
      if (secret) output.write(prompt.question);
      else lines.setPrompt(prompt.question);
      lines.prompt();
      const { value, done } = await typed.next();
      if (secret) output.write("\n");
      if (signal.aborted) throw abortedError(signal);
      if (done === true) throw new LadingError("usage", "the question was not answered");
      answers.push(value);
    }
    return answers;
  } finally {
    signal.removeEventListener("abort", abort);
    lines.close();
  }
}
