import { readDocument } from "../../../disk/document.ts";
import { LadingError } from "../../../errors.ts";
import { type Exchange, exchange, form, tokenIn } from "./exchange.ts";
import type { Provided, Provider, ProviderContext } from "./types.ts";

/**
 * Azure's registry, with a service principal: its secret as it is, or the token file of a workload
 * identity, exchanged for one of the registry's.
 *
 * @see https://learn.microsoft.com/en-us/azure/container-registry/container-registry-auth-service-principal
 * @see https://azure.github.io/acr/AAD-OAuth.html
 */
export const azure: Provider = {
  name: "ACR",
  wants: "set AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or use docker-credential-acr-env",
  matches: (registry) => HOSTS.test(registry),
  async get(registry, context) {
    const { AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE } =
      context.environment;
    if (!AZURE_CLIENT_ID) return undefined;
    if (AZURE_CLIENT_SECRET) {
      const [username, password] = [AZURE_CLIENT_ID, AZURE_CLIENT_SECRET];
      return { credential: { kind: "basic", username, password } };
    }
    if (!AZURE_TENANT_ID || !AZURE_FEDERATED_TOKEN_FILE) return undefined;
    const identity = { client: AZURE_CLIENT_ID, tenant: AZURE_TENANT_ID };
    return byWorkloadIdentity(registry, identity, AZURE_FEDERATED_TOKEN_FILE, context);
  },
};

const HOSTS = /^[a-z0-9]{5,50}(?:-[a-z0-9]+)?\.azurecr\.(?:io|cn|us)$/;
const MAX_TOKEN_FILE_BYTES = 64 * 1024;
/** The registry's tokens live three hours. */
const LIFE_MS = 3600 * 1000;
/** Whom Azure's own tools name beside a refresh token. */
const NOBODY = "00000000-0000-0000-0000-000000000000";

async function byWorkloadIdentity(
  registry: string,
  { client, tenant }: { readonly client: string; readonly tenant: string },
  file: string,
  context: ProviderContext,
): Promise<Provided> {
  const assertion = await tokenFile(file);
  const signIn: Exchange = {
    provider: "ACR",
    registry,
    url: authority(tenant, context.environment),
    ...form({
      grant_type: "client_credentials",
      client_id: client,
      scope: "https://containerregistry.azure.net/.default",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion,
    }),
  };
  const access = tokenIn(await exchange(signIn, context), "access_token", signIn);
  const atRegistry: Exchange = {
    provider: "ACR",
    registry,
    url: new URL(`https://${registry}/oauth2/exchange`),
    ...form({ grant_type: "access_token", service: registry, tenant, access_token: access }),
  };
  const answer = await exchange(atRegistry, context);
  const password = tokenIn(answer, "refresh_token", atRegistry);
  const expires = context.clock.now() + LIFE_MS;
  return { credential: { kind: "basic", username: NOBODY, password }, expires };
}

/** `AZURE_AUTHORITY_HOST` names another cloud's; a token goes there, so only by https. */
function authority(tenant: string, environment: NodeJS.ProcessEnv): URL {
  const host = environment.AZURE_AUTHORITY_HOST || "https://login.microsoftonline.com/";
  const base = URL.canParse(host) ? new URL(host) : undefined;
  if (base?.protocol !== "https:") throw usage("AZURE_AUTHORITY_HOST is no https address");
  if (!/^[A-Za-z0-9.-]{1,64}$/.test(tenant)) throw usage("AZURE_TENANT_ID is no tenant");
  return new URL(`/${tenant}/oauth2/v2.0/token`, base);
}

async function tokenFile(path: string): Promise<string> {
  const bytes = await readDocument(path, MAX_TOKEN_FILE_BYTES);
  const token = bytes && Buffer.from(bytes).toString("utf8").trim();
  if (token && /^[\x21-\x7e]+$/.test(token)) return token;
  throw usage("the file of AZURE_FEDERATED_TOKEN_FILE holds no token", path);
}

function usage(message: string, path?: string): LadingError {
  return new LadingError("usage", message, {
    path,
    hint: "check the AZURE_ variables, or take them away",
  });
}
