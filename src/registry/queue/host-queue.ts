import type { Clock } from "../../clock.ts";
import { abortedError, throwIfAborted } from "../../errors.ts";
import type { Priority } from "../http/message.ts";
import { Congestion, type Outcome } from "./congestion.ts";
import { Rate } from "./rate.ts";
import { Waiting } from "./waiting.ts";

export interface HostQueueOptions {
  /** Most requests under way. */
  readonly most: number;
  readonly requestsPerSecond?: number | undefined;
  readonly clock: Clock;
}

/** The right to send one request. */
export interface Turn {
  readonly queuedMs: number;
  /** Gives it up. Called once. */
  done(outcome: Outcome): void;
}

/** What a wait is for when it is not for the requests before it. */
export type Hold = "host-pause" | "rate-limit";

/** Shorter waits are nothing that a person would ask about. */
const WORTH_TELLING_MS = 500;

export interface TakeOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told once. */
  readonly onHold?: ((why: Hold, ms: number) => void) | undefined;
}

interface Waiter {
  readonly since: number;
  readonly options: TakeOptions;
  readonly go: (turn: Turn) => void;
  told: boolean;
}

/**
 * The requests to one host: who goes next, how many at a time, how many a second, and nobody while the
 * host wants to be left alone.
 */
export class HostQueue {
  readonly #clock: Clock;
  readonly #congestion: Congestion;
  readonly #rate: Rate | undefined;
  readonly #waiting = new Waiting<Waiter>();
  #underWay = 0;
  #pausedUntil = 0;
  #sleep: AbortController | undefined;

  constructor({ most, requestsPerSecond, clock }: HostQueueOptions) {
    this.#clock = clock;
    this.#congestion = new Congestion(most);
    this.#rate =
      requestsPerSecond === undefined ? undefined : new Rate(requestsPerSecond, clock.now());
  }

  get underWay(): number {
    return this.#underWay;
  }

  get limit(): number {
    return this.#congestion.limit;
  }

  /** Waits for a turn; rejects with `aborted` as soon as the signal fires. */
  take(priority: Priority, options: TakeOptions = {}): Promise<Turn> {
    const { signal } = options;
    return new Promise<Turn>((resolve, reject) => {
      throwIfAborted(signal);
      const leave = (): void => {
        this.#waiting.remove(waiter);
        if (this.#waiting.size === 0) this.#sleep?.abort();
        if (signal !== undefined) reject(abortedError(signal));
      };
      const waiter: Waiter = {
        since: this.#clock.now(),
        options,
        go(turn) {
          signal?.removeEventListener("abort", leave);
          resolve(turn);
        },
        told: false,
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.add(priority, waiter);
      this.#dispatch();
    });
  }

  /** Nobody goes before that time has passed; those who go already are not held back. */
  pause(ms: number): void {
    const until = this.#clock.now() + ms;
    if (until <= this.#pausedUntil) return;
    this.#pausedUntil = until;
    this.#sleep?.abort();
    this.#dispatch();
  }

  #dispatch(): void {
    while (this.#waiting.size > 0 && this.#underWay < this.#congestion.limit) {
      const now = this.#clock.now();
      const pauseMs = Math.max(0, this.#pausedUntil - now);
      const rateMs = this.#rate?.waitMs(now) ?? 0;
      if (pauseMs > 0 || rateMs > 0) {
        this.#hold(pauseMs >= rateMs ? "host-pause" : "rate-limit", Math.max(pauseMs, rateMs));
        return;
      }
      const waiter = this.#waiting.next();
      if (waiter === undefined) return;
      this.#rate?.take(now);
      waiter.go(this.#turn(now - waiter.since));
    }
  }

  #turn(queuedMs: number): Turn {
    this.#underWay += 1;
    const { round } = this.#congestion;
    return {
      queuedMs,
      done: (outcome) => {
        this.#underWay -= 1;
        this.#congestion.ended(round, outcome);
        this.#dispatch();
      },
    };
  }

  /** Sleeps on behalf of all who wait; without them it does not, so that nobody's exit is held up. */
  #hold(why: Hold, ms: number): void {
    if (ms >= WORTH_TELLING_MS) this.#tell(why, ms);
    if (this.#sleep !== undefined) return;
    const sleep = new AbortController();
    const until = this.#clock.now() + ms;
    this.#sleep = sleep;
    const again = (): void => {
      this.#sleep = undefined;
      this.#dispatch();
    };
    const rested = (): void => {
      if (this.#pausedUntil <= until) this.#pausedUntil = 0;
      again();
    };
    void this.#clock.sleep(ms, sleep.signal).then(rested, again);
  }

  #tell(why: Hold, ms: number): void {
    for (const waiter of this.#waiting) {
      if (waiter.told) continue;
      waiter.told = true;
      waiter.options.onHold?.(why, ms);
    }
  }
}
