import type { Clock } from "../../clock.ts";
import { LadingError } from "../../errors.ts";

export type StepName =
  | "reference"
  | "settings"
  | "name"
  | "connection"
  | "tls"
  | "registry"
  | "credentials"
  | "token"
  | "manifest"
  | "mirrors"
  | "ranges"
  | "rate limit"
  | "store"
  | "disk";

export type StepState =
  | "ok"
  | "warning"
  | "failed"
  /** There is nothing to be done here. */
  | "skipped"
  /** Something that it needs failed before. */
  | "not-reached";

/** One thing that a pull needs, and how it was found. */
export interface DoctorStep {
  readonly name: StepName;
  readonly state: StepState;
  /** For people, one line. */
  readonly detail: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
  readonly ms: number;
}

/** What a step has found, and what the steps after it need of that. */
export interface Finding<T> {
  readonly value: T;
  readonly detail: string;
  /** Default "ok". */
  readonly state?: "ok" | "warning" | "skipped" | undefined;
  readonly hint?: string | undefined;
}

/** Takes steps one after another; what needs a step that failed is not reached. */
export class Steps {
  readonly taken: DoctorStep[] = [];
  /** Of the first step that failed. */
  failure: LadingError | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * `undefined`, given or got, stands for a step that failed, or was not reached for one that did. Of
   * what a pull can do `without`, a failure is a warning.
   */
  async take<Needed, T>(
    name: StepName,
    needed: Needed | undefined,
    work: (needed: Needed) => Promise<Finding<T>>,
    { without = false }: { readonly without?: boolean } = {},
  ): Promise<T | undefined> {
    if (needed === undefined) {
      this.taken.push({ name, state: "not-reached", detail: "needs what failed before", ms: 0 });
      return undefined;
    }
    const started = this.#clock.now();
    try {
      const { value, state = "ok", detail, hint } = await work(needed);
      this.#add({ name, state, detail, hint }, started);
      return value;
    } catch (error) {
      if (!(error instanceof LadingError) || error.code === "aborted") throw error;
      if (!without) this.failure ??= error;
      const state = without ? "warning" : "failed";
      this.#add({ name, state, detail: error.message, hint: error.hint }, started);
      return undefined;
    }
  }

  #add(step: Omit<DoctorStep, "ms">, started: number): void {
    const { hint, ...rest } = step;
    const ms = this.#clock.now() - started;
    this.taken.push({ ...rest, ...(hint === undefined ? {} : { hint }), ms });
  }
}
