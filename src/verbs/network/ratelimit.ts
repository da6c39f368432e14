import type { OperationOptions } from "../../content/events.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";
import type { RateLimit } from "../../registry/rate-limit.ts";
import { failing } from "../failing.ts";
import type { Session } from "../session.ts";

/** What a registry allows; `limit: null`: it tells of none. */
export type RateLimitReport = { readonly registry: string } & (
  | RateLimit
  | { readonly limit: null }
);

/**
 * How much one may still ask of the registry that a reference names, with the credentials that a pull
 * of it would use. Costs nothing of it: what is asked for is the head of a manifest.
 *
 * @see https://docs.docker.com/docker-hub/usage/pulls/
 */
export function ratelimit(
  session: Session,
  text: string,
  options: OperationOptions = {},
): Promise<RateLimitReport> {
  const reference = parseReference(text);
  return failing({ reference: formatReference(reference) }, async () => {
    const { registry, digest, tag } = reference;
    const repository = await session.repository(reference);
    const name = digest ?? tag ?? "latest";
    const found = await repository.rateLimit(name, session.operation(options));
    return { registry, ...(found ?? { limit: null }) };
  });
}
