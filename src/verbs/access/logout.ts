import type { OperationOptions } from "../../content/events.ts";
import type { CredentialOrigin } from "../../registry/auth/credentials.ts";
import { formatScope } from "../../registry/auth/sources/match.ts";
import type { Session } from "../session.ts";
import { savingOf } from "./saving.ts";
import { loginScope } from "./scope.ts";

export interface LogoutOptions extends OperationOptions {
  /** Default: that of `open`, else lading's own file. */
  readonly authFile?: string | undefined;
}

export interface LogoutResult {
  readonly registry: string;
  readonly scope: string;
  /** Where they were; empty: nowhere. */
  readonly removed: readonly CredentialOrigin[];
}

/** Takes away what a login has saved: exactly that scope, in lading's own file and its helper. */
export async function logout(
  session: Session,
  scope: string,
  options: LogoutOptions = {},
): Promise<LogoutResult> {
  const place = loginScope(scope);
  const { removeCredential } = await import("../../registry/auth/saved/remove.ts");
  const removed = await removeCredential(place, savingOf(session, options));
  (await session.credentials()).clear();
  return { registry: place.registry, scope: formatScope(place), removed };
}
