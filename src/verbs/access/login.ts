import type { OperationOptions } from "../../content/events.ts";
import { LadingError, throwIfAborted } from "../../errors.ts";
import type { Credential, CredentialOrigin } from "../../registry/auth/credentials.ts";
import { formatScope } from "../../registry/auth/sources/match.ts";
import type { Session } from "../session.ts";
import { checkCredential } from "./check.ts";
import { savingOf } from "./saving.ts";
import { loginScope } from "./scope.ts";

export interface LoginOptions extends OperationOptions {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** In place of user and password: an OAuth2 refresh token for the registry's token server. */
  readonly identityToken?: string | undefined;
  /** Where they are saved. Default: that of `open`, else lading's own file. */
  readonly authFile?: string | undefined;
  /** Saves them in the file though a credential helper is configured. */
  readonly plaintext?: boolean | undefined;
  /** Asks the registry whether it takes them, and saves nothing if not. Default true. */
  readonly check?: boolean | undefined;
}

export interface LoginResult {
  /** As references name it. */
  readonly registry: string;
  /** What they are for from now on: `ghcr.io`, `ghcr.io/org`. */
  readonly scope: string;
  /** `undefined`: an identity token has none. */
  readonly username: string | undefined;
  readonly saved: CredentialOrigin;
  /** Whether the registry asked for them, and took them. */
  readonly checked: boolean;
}

/** Saves credentials for a registry, or for what is below a path on it, once the registry takes them. */
export async function login(
  session: Session,
  scope: string,
  options: LoginOptions,
): Promise<LoginResult> {
  const operation = session.operation(options);
  throwIfAborted(operation.signal);
  const place = loginScope(scope);
  const credential = credentialIn(options);
  const { saveCredential, saveTarget } = await import("../../registry/auth/saved/save.ts");
  const { helper } = await (await session.settings()).forRegistry(place.registry);
  const { plaintext } = options;
  const saving = savingOf(session, options);
  // Before the registry is asked: what can't be saved need not be checked.
  const target = await saveTarget(place, { ...saving, plaintext, helper });
  const checked =
    options.check !== false && (await checkCredential(session, place, credential, operation));
  const saved = await saveCredential(target, credential, saving);
  (await session.credentials()).clear();
  const username = credential.kind === "basic" ? credential.username : undefined;
  return { registry: place.registry, scope: formatScope(place), username, saved, checked };
}

function credentialIn({ username, password, identityToken }: LoginOptions): Credential {
  if (identityToken !== undefined) {
    if (username !== undefined || password !== undefined) {
      throw new LadingError("usage", "an identity token stands in place of user and password");
    }
    if (!/^[\x21-\x7e]+$/.test(identityToken)) {
      throw new LadingError(
        "usage",
        "the identity token is empty, or has characters that none has",
      );
    }
    return { kind: "identity", token: identityToken };
  }
  if (!username || !password) {
    throw new LadingError("usage", "a user and a password are needed, neither of them empty");
  }
  // RFC 7617 section 2: the first colon ends the user.
  if (/[:\p{Cc}]/u.test(username)) {
    throw new LadingError("usage", "a user has no colon and no control characters");
  }
  return { kind: "basic", username, password };
}
