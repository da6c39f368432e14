import type { OperationOptions } from "../../content/events.ts";
import type { Credential, CredentialOrigin } from "../../registry/auth/credentials.ts";
import type { Explained } from "../../registry/auth/sources/default.ts";
import { formatScope } from "../../registry/auth/sources/match.ts";
import { whoseCredentials } from "../../registry/auth/whose.ts";
import type { Session } from "../session.ts";
import { credentialScope } from "./scope.ts";

export interface WhoAmI {
  /** What credentials were looked for: `docker.io/library/alpine`; `ghcr.io` for all of it. */
  readonly scope: string;
  readonly registry: string;
  readonly kind: Credential["kind"] | "anonymous";
  /** `undefined`: nobody, or a token, which has none. */
  readonly username: string | undefined;
  readonly from: CredentialOrigin | undefined;
  /** Variables and files that were looked at; the last one has it, if one has. */
  readonly asked: readonly string[];
}

/**
 * Whose credentials a pull of that reference would bring, or what asks the registry as a whole, without
 * the secret. The registry is not asked.
 */
export async function whoami(
  session: Session,
  text: string,
  options: OperationOptions = {},
): Promise<WhoAmI> {
  const place = credentialScope(text);
  const { registry, path: repository } = place;
  const settings = await session.settings();
  const { base } = (await settings.forRegistry(registry)).server;
  const { signal } = session.operation(options);
  const url = repository === "" ? base : new URL(`${repository}/tags/list`, base);
  const scope = { registry, repository, action: "pull" } as const;
  const credentials = await session.credentials();
  let explained: Explained = { found: undefined, asked: [] };
  for (const whose of whoseCredentials({ url, scope })) {
    const before = explained.asked;
    const { found, asked } = await credentials.explain(whose, { signal });
    explained = { found, asked: [...before.filter((name) => !asked.includes(name)), ...asked] };
    if (found !== undefined) break;
  }
  const { found, asked } = explained;
  return {
    scope: formatScope(place),
    registry,
    kind: found?.kind ?? "anonymous",
    username: found?.kind === "basic" ? found.username : undefined,
    from: found?.from,
    asked,
  };
}
