import { LadingError } from "../../errors.ts";
import { isDigest } from "../../oci/digest.ts";
import { isManifestType } from "../../oci/media-types.ts";
import type { HttpRequest, HttpResponse } from "../http/message.ts";
import { isPassing } from "../http/retry.ts";

/** What becomes of a mirror's answer. */
export type Verdict =
  | "use"
  | {
      /** Why the next place is asked, for people. */
      readonly passOver: string;
      /** What it is left alone with: everything, this repository, or this one manifest or blob. */
      readonly rest: "endpoint" | "repository" | "subject" | "distrust";
    };

export interface Outcome {
  readonly response?: HttpResponse | undefined;
  readonly error?: unknown;
}

/**
 * Whether what a mirror answered will do. It is used when it looks like what was asked for; whether it
 * is, the digest says later. `undefined`: the error is not the mirror's, and nobody else is asked.
 */
export function verdict(request: HttpRequest, { response, error }: Outcome): Verdict | undefined {
  return response === undefined ? ofError(error) : ofResponse(request, response);
}

function ofError(error: unknown): Verdict | undefined {
  if (!(error instanceof LadingError)) return undefined;
  const { code, message } = error;
  if (code === "unauthorized") return { passOver: message, rest: "repository" };
  return MIRRORS_OWN.has(code) ? { passOver: message, rest: "endpoint" } : undefined;
}

/** Not among them: what the caller does (aborted), configured (usage) or lacks (disk). */
const MIRRORS_OWN: ReadonlySet<string> = new Set([
  "network",
  "registry-unavailable",
  "rate-limited",
  "refused",
  "malformed",
  "limit-exceeded",
]);

function ofResponse(request: HttpRequest, response: HttpResponse): Verdict {
  const { status } = response;
  if (status === 401 || status === 403) {
    return { passOver: `it answered ${status}`, rest: "repository" };
  }
  if (isPassing(status)) return { passOver: `it answered ${status}`, rest: "endpoint" };
  // A range is refused with 416, which the reader answers by asking for the whole.
  if (status !== 200 && status !== 206 && status !== 416) {
    return { passOver: `it answered ${status}`, rest: "subject" };
  }
  const wrong = status === 200 ? oddity(request, response) : undefined;
  return wrong === undefined ? "use" : { passOver: wrong, rest: "distrust" };
}

/** What a 200 is, if it can't be what was asked for: a page for people, or something of another length. */
function oddity(request: HttpRequest, { headers }: HttpResponse): string | undefined {
  const { subject, size } = request.scope;
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "text/html") return "it sent a page for people";
  const length = headers["content-length"];
  if (size !== undefined && length !== undefined && Number(length) !== size) {
    return `it has ${length} bytes of what should be ${size}`;
  }
  if (request.method !== "HEAD" || subject === undefined || isDigest(subject)) return undefined;
  if (!isDigest(headers["docker-content-digest"] ?? ""))
    return "it does not say which digest it has";
  return isManifestType(type) ? undefined : "it does not say what it has";
}
