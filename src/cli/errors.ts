import { type ErrorContext, LadingError } from "../errors.ts";
import { redactText } from "../registry/http/redact.ts";
import { visible } from "./print/format.ts";

/** Anything that was thrown, as the one error family. What is not ours is a fault of ours. */
export function asLadingError(error: unknown): LadingError {
  if (error instanceof LadingError) return error;
  const message = redactText(error instanceof Error ? error.message : String(error));
  return new LadingError("internal", message, {
    hint: "this is a fault of lading; please report it with what --verbose prints",
    cause: error,
  });
}

export interface FailureView {
  /** What could not be done: `pull docker.io/library/alpine:3.20`. */
  readonly doing?: string | undefined;
  /** With the causes and the stack. */
  readonly verbose: boolean;
}

/** An error for people: what could not be done and why, what it was about, what to do about it. */
export function renderError(error: LadingError, view: FailureView): string {
  const { doing } = view;
  const what = doing === undefined ? error.message : `could not ${doing}: ${error.message}`;
  const lines = [`lading: ${what}`, ...contextLines(error.context, what)];
  if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
  if (view.verbose) lines.push(...causeLines(error));
  return lines.map((line) => `${visible(line)}\n`).join("");
}

/** The causes as text, outermost first, and where it happened; without secrets. */
export function causeLines(error: LadingError): string[] {
  const lines = [`code: ${error.code}`];
  let cause: unknown = error.cause;
  for (let depth = 0; cause !== undefined && depth < 8; depth += 1) {
    lines.push(`caused by: ${redactText(describe(cause))}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  const origin = error.code === "internal" && error.cause instanceof Error ? error.cause : error;
  const frames = origin.stack?.split("\n").filter((line) => /^\s+at /.test(line)) ?? [];
  return [...lines, ...frames.map((line) => redactText(line))];
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as NodeJS.ErrnoException;
  const named = code === undefined || cause.message.includes(code) ? "" : ` (${code})`;
  return `${cause.name}: ${cause.message}${named}`;
}

/** What the message does not say by itself. */
function contextLines(context: ErrorContext, said: string): string[] {
  const { reference, digest, url, path, status, side, limit } = context;
  const known: [string, string | undefined][] = [
    ["reference", reference],
    ["digest", digest],
    ["url", url],
    ["status", status?.toString()],
    ["path", path],
    ["side", side],
    ["limit", limit === undefined ? undefined : `${limit.name} ${limit.value}`],
  ];
  return known.flatMap(([name, value]) =>
    value === undefined || said.includes(value) ? [] : [`  ${name}: ${value}`],
  );
}
