import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";
import { cleanEnvironment, command } from "./run-command.ts";

export interface OnTerminal {
  /** Waits until the screen has shown that text once more. */
  shows(text: string): Promise<void>;
  /** Types it, as a person would. */
  types(text: string): void;
  /** The exit code, and all that the screen has shown. */
  readonly ended: Promise<{ readonly code: number | null; readonly screen: string }>;
}

/** Runs the command on a terminal of its own, a pty that util-linux's script makes. */
export function onTerminal(args: readonly string[], home: string): OnTerminal {
  const words = [process.execPath, command, ...args];
  const line = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const child = spawn("script", ["-q", "-e", "-f", "-c", line, "/dev/null"], {
    env: cleanEnvironment(home),
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  });
  let screen = "";
  let seen = 0;
  let heard = (): void => {};
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    screen += chunk;
    heard();
  });
  child.stdin.on("error", () => {});
  return {
    shows: (text) =>
      new Promise((resolve) => {
        heard = () => {
          const at = screen.indexOf(text, seen);
          if (at < 0) return;
          seen = at + text.length;
          heard = () => {};
          resolve();
        };
        heard();
      }),
    types: (text) => void child.stdin.write(text),
    ended: new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, screen }));
    }),
  };
}
