import type { OperationOptions } from "../../content/events.ts";
import { LadingError } from "../../errors.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { parseChallenges } from "../../registry/auth/challenge.ts";
import { whoami } from "../access/whoami.ts";
import type { Session } from "../session.ts";
import type { Finding } from "./steps.ts";

/** What is asked for, of whom, by which the requests are told. */
export interface Asking {
  readonly session: Session;
  readonly reference: Reference;
  readonly platform: string | undefined;
  readonly operation: OperationOptions;
}

/**
 * Whether what answers is a registry, and wants to know who asks. A pull asks for the manifest alone:
 * an answer that no registry gives there is not the end.
 */
export async function askRegistry(asking: Asking): Promise<Finding<boolean>> {
  const { session, reference, operation } = asking;
  const client = await session.registry();
  const { registry } = reference;
  const { status, headers } = await client.ping(registry, { ...operation, credentials: null });
  const challenges = parseChallenges(headers["www-authenticate"] ?? "");
  if (status === 401 && challenges.length > 0) {
    const wants = challenges.map(({ scheme }) => NAMES[scheme] ?? scheme).join(" or ");
    return { value: true, detail: `answers, and asks who it is (${wants})` };
  }
  if (status === 200) return { value: false, detail: "answers, and asks nobody who it is" };
  if (status === 404 && "docker-distribution-api-version" in headers) {
    return { value: false, detail: "answers (404, with its version)" };
  }
  return {
    value: false,
    state: "warning",
    detail: `${registry} answered ${status} to GET /v2/`,
    hint: "is this a registry? the manifest shows it; one behind a path needs server in a settings file (docs/registries.md)",
  };
}

const NAMES: Readonly<Record<string, string>> = { basic: "Basic", bearer: "Bearer" };

export async function findCredentials(asking: Asking): Promise<Finding<string>> {
  const { session, reference, operation } = asking;
  const who = await whoami(session, formatReference(reference), operation);
  if (who.from === undefined) {
    return { value: "anonymous", detail: "none, which is enough for public images" };
  }
  const { name, path, key } = who.from;
  const where = [path ?? name, key === undefined ? "" : `(${key})`].filter(Boolean).join(" ");
  const me = who.username ?? (who.kind === "basic" ? "a password" : "a token");
  return { value: me, detail: `${me}, by ${where}` };
}

/** A pull does not ask for it, and HEAD, by which it is asked for, is more than some registries know. */
export async function rateLimitStep(asking: Asking): Promise<Finding<true>> {
  const limit = await rateLimit(asking);
  if (limit === undefined) return { value: true, detail: "it tells of none" };
  const detail = `${limit.remaining} of ${limit.limit} left`;
  if (limit.remaining > 0) return { value: true, detail };
  const hint = "wait, or log in: accounts may ask more often than addresses";
  return { value: true, state: "warning", detail, hint };
}

async function rateLimit({ session, reference, operation }: Asking) {
  const repository = await session.repository(reference);
  const name = reference.digest ?? reference.tag ?? "latest";
  try {
    return await repository.rateLimit(name, operation);
  } catch (error) {
    if (error instanceof LadingError && error.context.status !== undefined) return undefined;
    throw error;
  }
}
