import type { OperationOptions } from "../../content/events.ts";
import type { SavedOptions } from "../../registry/auth/saved/save.ts";
import type { Session } from "../session.ts";

/** Which files credentials are saved in and read from. */
export function savingOf(
  session: Session,
  { authFile, signal }: OperationOptions & { readonly authFile?: string | undefined },
): SavedOptions {
  return {
    environment: process.env,
    authFile: authFile ?? session.options.authFile,
    clock: session.clock,
    signal,
  };
}
