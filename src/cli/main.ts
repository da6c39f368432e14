import { systemClock } from "../clock.ts";
import type { RequestTrace } from "../content/request-trace.ts";
import { LadingError } from "../errors.ts";
import type { Lading } from "../verbs/open.ts";
import type { CommandDefinition } from "./command.ts";
import { exitCodeOf, exitCodeOfSignal, exitCodes, type StopSignal } from "./exit-code.ts";
import { readSettings, type Settings, settingsForFailure } from "./options.ts";
import { registryOf } from "./place.ts";
import type { Output } from "./print/output.ts";
import { standardOutput } from "./print/standard-output.ts";
import { type Call, createProgram, runProgram } from "./program.ts";
import { Diagnostics } from "./progress/diagnostics.ts";
import { listenForSignals, passSignals, type StopSignals } from "./signals.ts";

/** At one time, for all the references of a call together. */
const DOWNLOADS = 6;

/** Runs the command line and ends the process with its exit code. */
export async function main(args: readonly string[]): Promise<void> {
  process.exitCode = await new Run(args).toEnd();
  // Sockets that are kept alive for a next request would hold the process for seconds.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit();
}

/** One call of the command line, from its words to its exit code. */
class Run {
  readonly #args: readonly string[];
  readonly #stop = new AbortController();
  readonly #output: Output;
  #settings: Settings;
  #diagnostics: Diagnostics;
  #definition: CommandDefinition | undefined;
  #name = "";
  #doing: string | undefined;
  #signals: StopSignals | undefined;
  #exitCode: number = exitCodes.done;

  constructor(args: readonly string[]) {
    this.#args = args;
    this.#settings = settingsForFailure(args);
    this.#diagnostics = new Diagnostics(process.stderr, process.env, this.#settings);
    this.#output = standardOutput(() => this.#stop.abort());
  }

  async toEnd(): Promise<number> {
    const signals = this.#listenForSignals();
    this.#listenForTrouble();
    try {
      await this.#runProgram();
      return this.#exitCode;
    } catch (error) {
      const { received } = signals;
      // Whoever read the result has seen enough (`| head`): that is no failure.
      if (received === undefined && this.#output.closed) return exitCodes.done;
      const { asLadingError } = await import("./errors.ts");
      const failure = received === undefined ? asLadingError(error) : this.#interrupted(received);
      const asMeant = received !== undefined && this.#definition?.untilInterrupted === true;
      if (!asMeant) await this.#failed(failure);
      return received === undefined ? exitCodeOf(failure.code) : exitCodeOfSignal(received);
    } finally {
      signals.release();
    }
  }

  #listenForSignals(): StopSignals {
    const signals = listenForSignals(
      () => {
        this.#diagnostics.end();
        this.#stop.abort();
      },
      () => this.#diagnostics.end(),
    );
    this.#signals = signals;
    return signals;
  }

  async #runProgram(): Promise<void> {
    const bare = this.#args.length === 0;
    let help = "";
    const program = createProgram(
      (call) => this.#call(call),
      (text) => {
        help += text;
      },
    );
    if (bare) {
      program.root.outputHelp();
      process.stderr.write(help);
      this.#exitCode = exitCodes.usage;
    } else if (this.#args[0] === "complete") {
      const { answerCompletion } = await import("./complete.ts");
      await answerCompletion(program, this.#args.slice(1));
    } else {
      await runProgram(program, this.#args);
      if (help !== "") await this.#output.write(help);
    }
  }

  async #call({ name, definition, args, options }: Call): Promise<void> {
    this.#name = name;
    this.#settings = readSettings(options);
    this.#diagnostics = new Diagnostics(process.stderr, process.env, this.#settings);
    this.#definition = definition;
    this.#doing = definition.doing(args);
    const opened: Lading[] = [];
    const dashes = this.#args.indexOf("--");
    try {
      await definition.run({
        args,
        behindDashes: dashes < 0 ? undefined : this.#args.slice(dashes + 1),
        options,
        settings: this.#settings,
        output: this.#output,
        signal: this.#stop.signal,
        note: (text) => this.#diagnostics.note(text),
        watch: (subject) => this.#diagnostics.watch(subject),
        endWatch: () => this.#diagnostics.end(),
        open: async (references) => {
          const lading = await this.#open(references ?? []);
          opened.push(lading);
          return lading;
        },
        fail: (error, doing) => this.#diagnostics.failed(error, doing),
        passSignals: (to) => {
          this.#signals?.release();
          passSignals(to);
        },
        exitWith: (code) => {
          this.#exitCode = code;
        },
      });
    } finally {
      this.#diagnostics.end();
      for (const lading of opened) await lading.close();
    }
  }

  async #open(references: readonly string[]): Promise<Lading> {
    const {
      root,
      plainHttp,
      trustHosts,
      config,
      authFile,
      trace,
      concurrency = DOWNLOADS,
    } = this.#settings;
    const onRequest = trace === undefined ? undefined : await this.#traceTo(trace);
    const { open } = await import("../verbs/open.ts");
    return open({
      root,
      trustHosts,
      config,
      authFile,
      onRequest,
      // Of what no operation asked for: a settings file that has something without effect.
      onEvent: (event) => {
        if (event.type === "warning") this.#diagnostics.warn(event);
      },
      limits: { total: concurrency },
      plainHttp: plainHttp ? references.map(registryOf) : undefined,
    });
  }

  async #traceTo(path: string): Promise<(trace: RequestTrace) => void> {
    const { traceFile } = await import("./trace/trace-file.ts");
    return traceFile(path, {
      clock: systemClock,
      onTrouble: (message) => this.#diagnostics.note(`warning: ${message}`),
    });
  }

  /** The one error of a call: a line or two for people, a JSON line or document for programs. */
  async #failed(cause: LadingError): Promise<void> {
    const hint = cause.code === "usage" ? `see: lading ${this.#name} --help` : undefined;
    const error = cause.with({ hint });
    await this.#diagnostics.failed(error, this.#doing);
    // Where standard output is what failed, standard error has said it.
    if (this.#settings.json) await this.#output.json({ error: error.toJSON() }).catch(() => {});
  }

  #interrupted(signal: StopSignal): LadingError {
    const hint = this.#definition?.resumes
      ? "what has come is kept: the same command goes on from there"
      : undefined;
    return new LadingError("aborted", `interrupted by ${signal}`, { hint });
  }

  /** Node's own warnings are for developers, and would break a stream of JSON lines. */
  #listenForTrouble(): void {
    process.removeAllListeners("warning");
    process.on("warning", ({ name, message }) => {
      if (this.#settings.verbose) this.#diagnostics.note(`${name}: ${message}`);
    });
    process.on("uncaughtException", async (error) => {
      const { asLadingError } = await import("./errors.ts");
      await this.#failed(asLadingError(error));
      process.exit(exitCodes.failed);
    });
  }
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write("", () => resolve());
  });
}
