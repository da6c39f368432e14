import type { OperationOptions } from "../../content/events.ts";
import type { SavedLogin } from "../../registry/auth/saved/list.ts";
import type { Session } from "../session.ts";
import { savingOf } from "./saving.ts";

export interface LoginsOptions extends OperationOptions {
  /** This file alone. Default: all that are looked into. */
  readonly authFile?: string | undefined;
  /** Ask the helpers that the files name as well, which takes a process each. Default true. */
  readonly helpers?: boolean | undefined;
}

/** What the credential files and their helpers hold, in the order in which they are asked. */
export async function logins(
  session: Session,
  options: LoginsOptions = {},
): Promise<readonly SavedLogin[]> {
  const { listCredentials } = await import("../../registry/auth/saved/list.ts");
  return listCredentials({ ...savingOf(session, options), helpers: options.helpers });
}
