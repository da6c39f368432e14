import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import type { Credential, CredentialSource } from "../../registry/auth/credentials.ts";
import { formatScope, type KeyScope } from "../../registry/auth/sources/match.ts";
import type { PingResult } from "../../registry/client.ts";
import type { Session } from "../session.ts";

/**
 * Asks the registry as a whole, with these credentials and no others; the path may not exist yet.
 * Returns whether it was sent them: one that takes anybody says nothing about them.
 */
export async function checkCredential(
  session: Session,
  place: KeyScope,
  credential: Credential,
  options: OperationOptions,
): Promise<boolean> {
  const { registry } = place;
  const from = { kind: "option", name: "login" } as const;
  // For the registry alone: where a settings file moved it, the host may be asked for an account of its own.
  const credentials: CredentialSource = {
    get: async (request) => (request.registry === registry ? { ...credential, from } : undefined),
  };
  const client = await session.registry();
  const answer = await client
    .ping(registry, { ...options, credentials })
    .catch((error: unknown) => {
      throw error instanceof LadingError && error.code === "unauthorized"
        ? refused(place, error.message, error)
        : error;
    });
  if (isRegistry(answer)) return answer.sent !== undefined;
  throw failed(place, answer);
}

/** Some answer 404 there although they are one: a challenge, or the version, tells them from a page. */
function isRegistry({ status, headers, sent }: PingResult): boolean {
  if (status === 200) return true;
  return status === 404 && (sent !== undefined || "docker-distribution-api-version" in headers);
}

function failed(place: KeyScope, { status, url, sent }: PingResult): LadingError {
  const { registry } = place;
  if ((status === 401 || status === 403) && sent === undefined) {
    const message = `${registry} answered ${status} and was not sent these credentials; nothing was saved`;
    return new LadingError("unauthorized", message, {
      url,
      status,
      hint: `it asks for others than these, or a settings file has it at another host, in http: lading config show ${registry}`,
    });
  }
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
