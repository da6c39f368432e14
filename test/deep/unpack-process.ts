import { spawn } from "node:child_process";
import { once } from "node:events";
import { built } from "../child.ts";
import { cleanEnvironment, type RunOptions } from "../cli/run-command.ts";

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Process {
  readonly pid: number;
  kill(): void;
  readonly ended: Promise<Ended>;
}

/** Starts Node with these words, in the environment in which the tests run the command. */
export function startNode(words: readonly string[], { home, env }: RunOptions): Process {
  const child = spawn(process.execPath, words, {
    env: { ...cleanEnvironment(home), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const kill = (): void => void child.kill("SIGKILL");
  return {
    pid: child.pid ?? 0,
    kill,
    ended: once(child, "close").then(() => ({
      code: child.exitCode,
      signal: child.signalCode,
      stdout,
      stderr,
    })),
  };
}

/**
 * Words for `node` that pull with unpack into the store's cache, and print the layers that
 * were unpacked, and not found there.
 */
export function pullAndUnpack(root: string, references: readonly string[]): readonly string[] {
  const code = `
import { open } from ${JSON.stringify(built("index.js"))};
const made = [];
const onEvent = (event) => {
  if (event.type === "unpacked" && !event.existed) made.push(event.diffId);
};
const lading = await open({ root: ${JSON.stringify(root)} });
const references = ${JSON.stringify(references)};
await Promise.all(references.map((one) => lading.pull(one, { unpack: true, lease: false, onEvent })));
await lading.close();
console.log(JSON.stringify(made));
`;
  return ["--input-type=module", "-e", code];
}
