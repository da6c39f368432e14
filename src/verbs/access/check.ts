import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import type { Credential, CredentialSource } from "../../registry/auth/credentials.ts";
import { formatScope, type KeyScope } from "../../registry/auth/sources/match.ts";
import type { PingResult } from "../../registry/client.ts";
import type { Session } from "../session.ts";

/**
 * Asks the registry as a whole, with these credentials and no others; the path may not exist yet.
 * Returns whether it asked for them: one that takes anybody says nothing about them.
 */
export async function checkCredential(
  session: Session,
  place: KeyScope,
  credential: Credential,
  options: OperationOptions,
): Promise<boolean> {
  const { registry } = place;
  const source = asked(credential);
  const client = await session.registry();
  const answer = await client
    .ping(registry, { ...options, credentials: source })
    .catch((error: unknown) => {
      throw error instanceof LadingError && error.code === "unauthorized"
        ? refused(place, error.message, error)
        : error;
    });
  if (isRegistry(answer, source.wasAsked())) return source.wasAsked();
  throw failed(place, answer);
}

interface AskedSource extends CredentialSource {
  wasAsked(): boolean;
}

function asked(credential: Credential): AskedSource {
  let was = false;
  return {
    wasAsked: () => was,
    async get() {
      was = true;
      return { ...credential, from: { kind: "option", name: "login" } };
    },
  };
}

/** Some answer 404 there although they are one: a challenge, or the version, tells them from a page. */
function isRegistry({ status, headers }: PingResult, wasAsked: boolean): boolean {
  if (status === 200) return true;
  return status === 404 && (wasAsked || "docker-distribution-api-version" in headers);
}

function failed(place: KeyScope, { status, url }: PingResult): LadingError {
  const { registry } = place;
  if (status === 401 || status === 403) {
    return refused(place, `${registry} does not take these credentials (${status})`).with({
      url,
      status,
    });
  }
  if (status === 429) {
    const message = `${registry} is asked too often for now; nothing was saved`;
    return new LadingError("rate-limited", message, { url, status, transient: true });
  }
  return new LadingError(
    "registry-unavailable",
    `${registry} answered ${status}; nothing was saved`,
    {
      url,
      status,
      hint: "is this a registry? --no-check saves without asking",
    },
  );
}

function refused(place: KeyScope, why: string, cause?: LadingError): LadingError {
  return new LadingError("unauthorized", `${why}; nothing was saved`, {
    ...cause?.context,
    cause,
    hint: `check user and password for ${formatScope(place)}; with two-factor sign-in an access token stands in for the password`,
  });
}
