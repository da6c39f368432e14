import type { OperationOptions } from "../../content/events.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Credential, CredentialOrigin } from "../../registry/auth/credentials.ts";
import type { Explained } from "../../registry/auth/sources/default.ts";
import { whoseCredentials } from "../../registry/auth/whose.ts";
import type { Session } from "../session.ts";

export interface WhoAmI {
  /** `docker.io/library/alpine`: what credentials were looked for. */
  readonly scope: string;
  readonly registry: string;
  readonly kind: Credential["kind"] | "anonymous";
  /** `undefined`: nobody, or a token, which has none. */
  readonly username: string | undefined;
  readonly from: CredentialOrigin | undefined;
  /** Variables and files that were looked at; the last one has it, if one has. */
  readonly asked: readonly string[];
}

/** Whose credentials a pull of that reference would bring, without the secret. The registry is not asked. */
export async function whoami(
  session: Session,
  reference: string,
  options: OperationOptions = {},
): Promise<WhoAmI> {
  const { registry, repository } = parseReference(reference);
  const settings = await session.settings();
  const { base } = (await settings.forRegistry(registry)).server;
  const { signal } = session.operation(options);
  const url = new URL(`${repository}/tags/list`, base);
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
    scope: `${registry}/${repository}`,
    registry,
    kind: found?.kind ?? "anonymous",
    username: found?.kind === "basic" ? found.username : undefined,
    from: found?.from,
    asked,
  };
}
