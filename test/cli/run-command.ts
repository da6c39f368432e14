import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";

/** The command as it was built. */
export const command: string = resolve(
  import.meta.dirname,
  "../..",
  process.env.LADING_DIST ?? "dist",
  "bin/lading.js",
);

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  /** Resolves once stderr has the text. */
  said(text: string): Promise<void>;
  readonly stderr: string;
}

export interface RunOptions {
  /** A folder for everything: home, store, docker's config. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs. Default: where the tests do. */
  readonly cwd?: string;
  /** Words before the command: `unshare -r`, a pty. */
  readonly wrapper?: readonly string[];
  /** On its standard input. Default: nothing. */
  readonly input?: string;
}

const NO_SETTINGS = resolve(import.meta.dirname, "../settings.toml");

/** An environment in which nothing of the machine's own shows. */
export function cleanEnvironment(home: string): Record<string, string> {
  mkdirSync(join(home, "docker"), { recursive: true });
  const settings = join(home, "lading.toml");
  return {
    PATH: process.env.PATH ?? "",
    HOME: home,
    LADING_ROOT: join(home, "store"),
    DOCKER_CONFIG: join(home, "docker"),
    // The one settings file that is read: empty, unless the test has written one.
    LADING_CONFIG: existsSync(settings) ? settings : NO_SETTINGS,
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_RUNTIME_DIR: join(home, "run"),
    LADING_CERTS_D: join(home, "certs.d"),
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
  };
}

/** Starts the real command in a process of its own. */
export function start(
  args: readonly string[],
  { home, env, cwd, wrapper = [], input }: RunOptions,
): Running {
  const [program = "", ...words] = [...wrapper, process.execPath, command, ...args];
  const child = spawn(program, words, {
    env: { ...cleanEnvironment(home), ...env },
    cwd,
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.on("error", () => {}).end(input);
  const stdout: Buffer[] = [];
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
    for (const listener of [...listeners]) listener();
  });
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  });
  const ended = new Promise<Ran>((done, failed) => {
    child.on("error", failed);
    child.on("close", (code) => {
      const bytes = Buffer.concat(stdout);
      done({ code, stdout: bytes.toString(), stderr, bytes });
    });
  });
  return {
    child,
    ended,
    get stderr() {
      return stderr;
    },
    said: (text) =>
      new Promise((heard) => {
        const listener = (): void => {
          if (!stderr.includes(text)) return;
          listeners.delete(listener);
          heard();
        };
        listeners.add(listener);
        listener();
      }),
  };
}

/** Runs the real command to its end. */
export function lading(args: readonly string[], options: RunOptions): Promise<Ran> {
  return start(args, options).ended;
}
