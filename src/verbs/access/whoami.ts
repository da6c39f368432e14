import type { OperationOptions } from "../../content/events.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Credential, CredentialOrigin } from "../../registry/auth/credentials.ts";
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
  const { origin } = (await settings.forRegistry(registry)).server.base;
  const { signal } = session.operation(options);
  const wanted = { origin, registry, repository, action: "pull" } as const;
  const { found, asked } = await (await session.credentials()).explain(wanted, { signal });
  return {
    scope: `${registry}/${repository}`,
    registry,
    kind: found?.kind ?? "anonymous",
    username: found?.kind === "basic" ? found.username : undefined,
    from: found?.from,
    asked,
  };
}
