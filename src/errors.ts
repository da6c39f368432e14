/**
 * Every way in which an operation of lading can fail. Stable: new members may be added, none is
 * renamed. `docs/errors.md` says for each what a person can do; `src/cli/exit-code.ts` maps them to
 * exit codes.
 */
export type ErrorCode =
  /** Options that contradict each other, or a value that an option can't take. */
  | "usage"
  | "invalid-reference"
  /** The image, tag, manifest or blob does not exist where it was asked for. */
  | "not-found"
  /** The image exists, but not for the platform that was asked for. */
  | "platform-not-found"
  /** The other side wants credentials, or refuses the ones it got (401, 403). */
  | "unauthorized"
  /** Bytes do not have the digest or size that was promised. */
  | "verification-failed"
  /** A document or response that breaks its specification. */
  | "malformed"
  /** Well-formed, and deliberately not supported (docker schema 1, for example). */
  | "unsupported"
  /** Something from outside is larger, deeper or longer than a limit allows. */
  | "limit-exceeded"
  /** A rule of ours forbids it: a token realm on a private address, http without consent. */
  | "refused"
  /** Name resolution, connection, TLS, time-out, reset, truncated body. */
  | "network"
  /** The registry answered, but with a 5xx or with something that makes no sense. */
  | "registry-unavailable"
  /** 429, still, after the waits that we are willing to make. */
  | "rate-limited"
  /** The local disk refused: full, not writable, not a folder. */
  | "disk"
  /** The local store is damaged in a way that can't be healed silently. */
  | "store-corrupt"
  /** Another process holds the store for longer than we are willing to wait. */
  | "store-busy"
  /** The caller's AbortSignal fired. */
  | "aborted"
  /** A fault of lading itself. */
  | "internal";

/** What was being done when it failed. URLs are redacted before they get here. */
export interface ErrorContext {
  readonly reference?: string | undefined;
  readonly digest?: string | undefined;
  /** Redacted: no user info, no query values. */
  readonly url?: string | undefined;
  readonly path?: string | undefined;
  /** HTTP status, where a response decided. */
  readonly status?: number | undefined;
  /** Which side of a copy it was. */
  readonly side?: "from" | "to" | undefined;
  /** A numeric limit that was passed, with the option's name that raises it. */
  readonly limit?: { readonly name: string; readonly value: number } | undefined;
}

export interface LadingErrorOptions extends ErrorContext {
  /** What a person can do about it, one sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Whether the same request may well succeed a moment later. Default false. */
  readonly transient?: boolean | undefined;
}

/**
 * The one error that lading throws.
 *
 * @example
 * ```ts
 * import { LadingError, pull } from "lading";
 * try {
 *   await pull("registry.example/app:1.2");
 * } catch (error) {
 *   if (error instanceof LadingError && error.code === "not-found") console.log(error.hint);
 * }
 * ```
 */
export class LadingError extends Error {
  override readonly name = "LadingError";
  readonly code: ErrorCode;
  readonly context: ErrorContext;
  readonly hint: string | undefined;
  readonly transient: boolean;

  constructor(code: ErrorCode, message: string, options: LadingErrorOptions = {}) {
    const { hint, cause, transient, ...context } = options;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.context = context;
    this.hint = hint;
    this.transient = transient ?? false;
  }

  /** The error with more context; what it already says about itself wins. */
  with(context: ErrorContext & { hint?: string | undefined }): LadingError {
    const merged = new LadingError(this.code, this.message, {
      ...context,
      ...this.context,
      hint: this.hint ?? context.hint,
      cause: this.cause,
      transient: this.transient,
    });
    if (this.stack !== undefined) merged.stack = this.stack;
    return merged;
  }

  /** The shape that `--json` prints. No cause and no stack: those may hold what must not be shown. */
  toJSON(): { code: ErrorCode; message: string; hint?: string } & ErrorContext {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...this.context,
    };
  }
}

/** The error for a fired signal; its reason is the cause. */
export function abortedError(signal: AbortSignal): LadingError {
  return new LadingError("aborted", "aborted by the caller", { cause: signal.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}

/** What a promise comes to, unless the caller gives up first; what was promised goes on for others. */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortedError(signal));
  });
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
