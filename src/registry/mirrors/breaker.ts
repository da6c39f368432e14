import type { Clock } from "../../clock.ts";

/** What a mirror is asked for: a manifest or blob of a repository, by digest or tag. */
export interface Subject {
  readonly repository: string;
  /** Absent: the repository as a whole. */
  readonly name?: string | undefined;
}

const FIRST_REST_MS = 30_000;
const LONGEST_REST_MS = 10 * 60_000;
/** What a mirror has not it may have soon: a cache fills. */
const LACKS_MS = 60_000;
const MAX_REMEMBERED = 10_000;

interface State {
  failures: number;
  until: number;
  /** One is under way to find out whether it is back. */
  probing: boolean;
}

/**
 * Which mirrors are left alone, and for how long. One that fails rests, longer each time; when the rest
 * is over one request probes it while the others go on elsewhere. What refuses a repository, or sent
 * wrong bytes, is not asked for that again.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #endpoints = new Map<string, State>();
  readonly #refused = new Set<string>();
  readonly #distrusted = new Set<string>();
  readonly #lacks = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether it may be asked now. A `true` may be the probe: its outcome is to be told. */
  allows(endpoint: URL, subject: Subject): boolean {
    if (this.#refused.has(keyOf(endpoint, { repository: subject.repository }))) return false;
    const key = keyOf(endpoint, subject);
    if (this.#distrusted.has(key)) return false;
    const now = this.#clock.now();
    if ((this.#lacks.get(key) ?? 0) > now) return false;
    const state = this.#endpoints.get(endpoint.href);
    if (state === undefined) return true;
    if (state.until > now) return false;
    state.probing = true;
    // Should the probe never be heard of again, another goes when this time is over.
    state.until = now + restMs(state.failures);
    return true;
  }

  /** It is down, slow or overloaded. How long it rests: at least as long as it asks for. */
  failed(endpoint: URL, askedMs = 0): number {
    const now = this.#clock.now();
    const known = this.#endpoints.get(endpoint.href);
    // Requests that fail side by side are one failure.
    if (known !== undefined && !known.probing && known.until > now) return known.until - now;
    const failures = (known?.failures ?? 0) + 1;
    const ms = Math.max(restMs(failures), Math.min(askedMs, LONGEST_REST_MS));
    this.#endpoints.set(endpoint.href, { failures, until: now + ms, probing: false });
    return ms;
  }

  worked(endpoint: URL): void {
    this.#endpoints.delete(endpoint.href);
  }

  /** It does not give us anything of this repository. */
  refused(endpoint: URL, repository: string): void {
    remember(this.#refused, keyOf(endpoint, { repository }));
  }

  lacks(endpoint: URL, subject: Subject): void {
    if (this.#lacks.size >= MAX_REMEMBERED) this.#lacks.clear();
    this.#lacks.set(keyOf(endpoint, subject), this.#clock.now() + LACKS_MS);
  }

  /** What it sent was not what the digest names. */
  distrusted(endpoint: URL, subject: Subject): void {
    remember(this.#distrusted, keyOf(endpoint, subject));
  }
}

function restMs(failures: number): number {
  return Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (failures - 1));
}

function keyOf({ href }: URL, { repository, name = "" }: Subject): string {
  return `${href} ${repository} ${name}`;
}

/** The oldest is forgotten: the worst that comes of it is one more request. */
function remember(set: Set<string>, key: string): void {
  const [oldest] = set;
  if (set.size >= MAX_REMEMBERED && oldest !== undefined) set.delete(oldest);
  set.add(key);
}
