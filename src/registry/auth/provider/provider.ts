import { type CredentialRequest, type CredentialSource, identityOf } from "../credentials.ts";
import { canonicalHost } from "../sources/match.ts";
import { Remembered } from "../sources/remember.ts";
import { azure } from "./azure.ts";
import { ecr, ecrPublic } from "./ecr.ts";
import { github } from "./github.ts";
import { google } from "./google.ts";
import type { Provided, Provider, ProviderContext } from "./types.ts";

const PROVIDERS: readonly Provider[] = [ecr, ecrPublic, github, google, azure];

/** Variables cost nothing to read again, and may name a file that is rotated. */
const VARIABLES_MS = 60_000;
/** A token must outlive the request that it is for. */
const MARGIN_MS = 60_000;

/**
 * Credentials that clouds make of variables. Only for the clouds' own host names, over https, and where
 * the registry is spoken to under its own name: what a cloud gives is for nobody else.
 */
export function providerCredentials(
  context: Omit<ProviderContext, "signal">,
): CredentialSource & { clear(): void } {
  const remembered = new Remembered<Provided | undefined>(context.clock);
  return {
    async get(request, { signal }) {
      const registry = canonicalHost(request.registry);
      const provider = providerOf(registry);
      if (provider === undefined || !isItself(request, registry)) return undefined;
      const provided = await remembered.get(registry, signal, async (signal) => {
        const value = await provider.get(registry, { ...context, signal });
        const soonest = context.clock.now() + VARIABLES_MS;
        // Not before a minute, whatever a clock that is wrong says.
        const expires = Math.max((value?.expires ?? 0) - MARGIN_MS, soonest);
        return { value, expires };
      });
      if (provided === undefined) return undefined;
      const from = { kind: "provider", name: provider.name, key: registry } as const;
      return { ...provided.credential, from };
    },
    refused(_request, credential) {
      const wrong = identityOf(credential);
      remembered.forget((value) => identityOf(value?.credential) === wrong);
    },
    clear: () => remembered.clear(),
  };
}

/** The cloud whose registry it is. */
export function providerOf(registry: string): Provider | undefined {
  return PROVIDERS.find((provider) => provider.matches(canonicalHost(registry)));
}

function isItself({ origin }: CredentialRequest, registry: string): boolean {
  const { protocol, host } = new URL(origin);
  return protocol === "https:" && host === registry;
}
