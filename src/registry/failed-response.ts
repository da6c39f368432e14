import { LadingError } from "../errors.ts";
import { parseChallenges } from "./auth/challenge.ts";
import { howToLogIn } from "./auth/provider/hint.ts";
import { errorDetail } from "./http/error-detail.ts";
import type { HttpResponse } from "./http/message.ts";
import { redactUrl } from "./http/redact.ts";
import { isPassing } from "./http/retry.ts";
import { withMirrors } from "./mirrors/mirrors.ts";

export interface Asked {
  /** "fetching the manifest 3.20" */
  readonly doing: string;
  readonly registry: string;
  readonly repository: string;
}

/** The error for an answer that is not the one that was wanted. Reads what the registry says of it. */
export async function failedResponse(response: HttpResponse, asked: Asked): Promise<LadingError> {
  return withMirrors(await failure(response, asked), response.passedOver ?? []);
}

async function failure(response: HttpResponse, asked: Asked): Promise<LadingError> {
  const { status, url, credentials } = response;
  const detail = await errorDetail(response);
  const message = `${asked.doing}: ${asked.registry} answered ${status}${detail}`;
  const context = { url: redactUrl(url), status };
  const name = `${asked.registry}/${asked.repository}`;
  if (status === 404) {
    return new LadingError("not-found", message, {
      ...context,
      hint: `check the name and the tag (lading tags ${name}); a private image also looks like this`,
    });
  }
  if (credentials !== undefined && (status === 401 || status === 403)) {
    const known = status === 403 || isKnown(response);
    const why = known
      ? `${asked.registry} answered ${status}: these credentials (${credentials.name}) may not`
      : `${asked.registry} does not take these credentials (${credentials.name})`;
    const check = known ? `the name (${name}) and what they may` : "user and password";
    return new LadingError("unauthorized", `${asked.doing}: ${why}${detail}`, {
      ...context,
      hint: `check ${check}; lading whoami ${name} says where they come from`,
    });
  }
  if (status === 401 || status === 403) {
    return new LadingError("unauthorized", message, {
      ...context,
      hint: `${howToLogIn(asked.registry)}; who you are there says: lading whoami ${name}`,
    });
  }
  if (status === 429) {
    return new LadingError("rate-limited", message, {
      ...context,
      transient: true,
      hint: "the registry limits how much one may ask; wait, or log in for a higher limit",
    });
  }
  const passing = isPassing(status);
  return new LadingError("registry-unavailable", message, {
    ...context,
    transient: passing,
    hint: passing
      ? "the registry has trouble; try again later"
      : "is this a registry? A proxy or another server may stand in its place",
  });
}

/** A registry that wants more than a token reaches took the account that it was given for. */
function isKnown({ headers }: HttpResponse): boolean {
  const challenges = parseChallenges(headers["www-authenticate"] ?? "");
  return challenges.some(({ params }) => params.error === "insufficient_scope");
}
