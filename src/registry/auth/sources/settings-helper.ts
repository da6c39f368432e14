import type { Clock } from "../../../clock.ts";
import { type CredentialSource, identityOf } from "../credentials.ts";
import { serversOf } from "./choose.ts";
import { RememberedHelpers } from "./remembered-helpers.ts";

/** The helper that `lading.toml` names for a registry. */
export function settingsHelper(
  helperOf: (registry: string) => Promise<string | undefined>,
  environment: NodeJS.ProcessEnv,
  clock: Clock,
): CredentialSource & { clear(): void } {
  const helpers = new RememberedHelpers(environment, clock);
  return {
    async get({ registry }, { signal }) {
      const name = await helperOf(registry);
      if (name === undefined) return undefined;
      const servers = serversOf(registry, undefined);
      const { credential, server, program } = await helpers.get({ name, servers }, signal);
      return credential && { ...credential, from: { kind: "helper", name: program, key: server } };
    },
    refused: (_request, credential) => helpers.refused(identityOf(credential)),
    clear: () => helpers.clear(),
  };
}
