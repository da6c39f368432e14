import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const dist = path.resolve(process.env.LADING_DIST ?? "dist");

/** A module of the built library, for code that runs in another process. */
export function built(module: string): string {
  return path.join(dist, module);
}

export interface Child {
  readonly process: ChildProcess;
  /** Resolves at the first line that is this one. */
  said(line: string): Promise<void>;
  kill(): Promise<void>;
  /** The exit code. */
  ended(): Promise<number | null>;
  readonly output: string;
}

/** Runs a few lines of JavaScript in another process; `say(text)` there prints a line. */
export function runChild(code: string): Child {
  const prelude = 'const say = (text) => process.stdout.write(text + "\\n");\n';
  const args = ["--input-type=module", "-e", prelude + code];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  const listeners = new Set<() => void>();
  child.stdout.on("data", (bytes) => {
    output += bytes;
    for (const listener of listeners) listener();
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return {
    process: child,
    get output() {
      return output;
    },
    said(line) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          if (!output.split("\n").includes(line)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        void ended.then(() => reject(new Error(`ended without saying ${line}: ${output}`)));
      });
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    ended: () => ended,
  };
}
