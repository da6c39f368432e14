import { LadingError } from "../../errors.ts";
import type { FailedWork } from "./protocol.ts";

/** An error as it crosses threads. What is no `LadingError` is a fault of ours. */
export function toFailedWork(error: unknown): FailedWork {
  const known = error instanceof LadingError ? error : undefined;
  const { stack } = error instanceof Error ? error : {};
  return {
    code: known?.code ?? "internal",
    message: error instanceof Error ? error.message : String(error),
    hint: known?.hint,
    context: known?.context ?? {},
    stack: known?.cause instanceof Error ? known.cause.stack : stack,
  };
}

export function fromFailedWork({ code, message, hint, context, stack }: FailedWork): LadingError {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  return new LadingError(code, message, { ...context, hint, cause });
}
