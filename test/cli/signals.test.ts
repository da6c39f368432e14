import { spawn, spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { MadeContent, randomImage } from "../../src/testkit/index.ts";
import { built } from "../child.ts";
import { temporaryFolder } from "../temporary.ts";
import { cleanEnvironment, command, lading, start } from "./run-command.ts";
import { TestScreen } from "./screen.ts";
import { type StallingRegistry, stallingRegistry } from "./stalling-registry.ts";

let registry: StallingRegistry;
let home: string;
let image: string;

beforeEach(async () => {
  home = await temporaryFolder();
  const content = new MadeContent();
  const made = randomImage(content, { seed: 3, layers: 1, files: 1, fileSize: 4_000_000 });
  content.tag("app:1", made.descriptor);
  registry = await stallingRegistry(content);
  image = `${registry.server.address}/app:1`;
});
afterEach(() => registry.server.close());

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", (signal, code) => {
  it(`ends a pull with exit code ${code} and a part that the next one resumes`, async () => {
    const args = ["pull", image, "--progress", "json", "--json"];
    const running = start(args, { home });
    await registry.stalled;
    await running.said('"type":"bytes"');
    running.child.kill(signal);
    const ran = await running.ended;
    expect(ran.code).toBe(code);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "aborted" } });
    const last = ran.stderr.trim().split("\n").at(-1) ?? "";
    expect(JSON.parse(last)).toMatchObject({ type: "error", error: { code: "aborted" } });

    registry.goOn();
    const again = await lading(args, { home });
    expect(again.code).toBe(0);
    const events = again.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const started = events.find(({ type, role }) => type === "started" && role === "layer");
    expect(started.offset).toBeGreaterThan(100_000);
    expect((await lading(["store", "verify"], { home })).code).toBe(0);
  });
});

describe("a second signal", () => {
  it("ends a process that does not end by the first", async () => {
    const signals = built("cli/signals.js");
    const script = `
      import { listenForSignals } from ${JSON.stringify(signals)};
      listenForSignals(() => console.log("stop"), () => console.log("tidy"));
      setInterval(() => {}, 1_000_000);
      console.log("ready");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const said: string[] = [];
    const line = (): Promise<void> =>
      new Promise((resolve) =>
        child.stdout.once("data", (text) => {
          said.push(String(text).trim());
          resolve();
        }),
      );
    await line();
    child.kill("SIGINT");
    await line();
    child.kill("SIGTERM");
    await line();
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(said).toEqual(["ready", "stop", "tidy"]);
    expect(code).toBe(143);
  });
});

/** The interpreter itself: what stands on the PATH may be a shim that wants its own HOME. */
const python = spawnSync("python3", ["-c", "import pty, sys; print(sys.executable)"], {
  encoding: "utf8",
});

describe.skipIf(python.status !== 0)("on a terminal", () => {
  it("leaves a clean screen after Ctrl-C", async () => {
    const terminal = runOnTerminal(["pull", image]);
    await terminal.shows("B / 4.0 MB");
    expect(terminal.screen.cursorHidden).toBe(true);
    terminal.type("\u0003");
    expect(await terminal.ended).toBe(130);
    expect(terminal.screen.cursorHidden).toBe(false);
    expect(terminal.screen.text.split("\n")).toEqual([
      `lading: could not pull ${image}: interrupted by SIGINT`,
      "hint: what has come is kept: the same command goes on from there",
    ]);
  });

  it("leaves the result alone after a pull, and the error alone after a failure", async () => {
    const pulling = runOnTerminal(["pull", image]);
    await pulling.shows("B / 4.0 MB");
    registry.goOn();
    expect(await pulling.ended).toBe(0);
    expect(pulling.screen.text.split("\n")).toEqual([
      expect.stringMatching(/^\S+\/app:1: 1 layer, 4\.0 MB fetched \(\d+ requests, .* s\)$/),
      expect.stringMatching(/^\S+\/app:1@sha256:[0-9a-f]{64}$/),
    ]);
    const failing = runOnTerminal(["pull", `${registry.server.address}/app:nope`]);
    expect(await failing.ended).toBe(3);
    expect(failing.screen.text.split("\n")[0]).toMatch(/^lading: could not pull /);
    expect(failing.screen.cursorHidden).toBe(false);
  });
});

/** Runs its arguments on a new terminal of 25 lines and 200 columns, passing on what is typed. */
const PTY = `
import fcntl, os, pty, select, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 200, 0, 0))
typed = [0]
while True:
    ready, _, _ = select.select([terminal] + typed, [], [])
    try:
        if terminal in ready:
            shown = os.read(terminal, 65536)
            if not shown: break
            os.write(1, shown)
    except OSError:
        break
    if 0 in ready:
        keys = os.read(0, 1024)
        if keys: os.write(terminal, keys)
        else: typed = []
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
`;

function runOnTerminal(args: readonly string[]): {
  readonly screen: TestScreen;
  readonly ended: Promise<number | null>;
  type(keys: string): void;
  shows(text: string): Promise<void>;
} {
  const screen = new TestScreen(200, 25);
  const child = spawn(python.stdout.trim(), ["-c", PTY, process.execPath, command, ...args], {
    env: { ...cleanEnvironment(home), NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  const listeners = new Set<() => void>();
  let pending = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    // An escape sequence may be cut in two.
    const all = pending + text;
    const cut = all.length - all.lastIndexOf("\u001b") < 6 ? all.lastIndexOf("\u001b") : -1;
    pending = cut < 0 ? "" : all.slice(cut);
    screen.write(cut < 0 ? all : all.slice(0, cut));
    for (const listener of [...listeners]) listener();
  });
  return {
    screen,
    type: (keys) => void child.stdin.write(keys),
    ended: new Promise((resolve) => {
      child.on("close", (code) => {
        screen.write(pending);
        resolve(code);
      });
    }),
    shows: (text) =>
      new Promise((resolve, reject) => {
        child.on("close", () => reject(new Error(`it ended with: ${screen.text}`)));
        const listener = (): void => {
          if (!screen.text.includes(text)) return;
          listeners.delete(listener);
          resolve();
        };
        listeners.add(listener);
        listener();
      }),
  };
}
