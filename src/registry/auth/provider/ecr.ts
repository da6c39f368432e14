import { isObject, type JsonValue } from "../../../oci/json.ts";
import { type Exchange, exchange, noToken } from "./exchange.ts";
import { type AwsKeys, signed } from "./sigv4.ts";
import type { Provided, Provider, ProviderContext } from "./types.ts";

const KEYS_WANTED =
  "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use docker-credential-ecr-login";

/**
 * Amazon ECR, with the keys of `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
 *
 * @see https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
 */
export const ecr: Provider = {
  name: "ECR",
  wants: KEYS_WANTED,
  matches: (registry) => PRIVATE.test(registry),
  async get(registry, context) {
    const [, fips = "", region = "", suffix = ""] = PRIVATE.exec(registry) ?? [];
    const host =
      suffix === "on.aws"
        ? `ecr${fips}.${region}.api.aws`
        : fips === ""
          ? `api.ecr.${region}.${suffix}`
          : `ecr-fips.${region}.${suffix}`;
    const target = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
    const api = { provider: "ECR", registry, host, region, service: "ecr", target };
    return authorizationToken(api, context, ({ authorizationData }) =>
      Array.isArray(authorizationData) ? authorizationData[0] : undefined,
    );
  },
};

/** Amazon's public registry, whose tokens are given in one region only. */
export const ecrPublic: Provider = {
  name: "ECR Public",
  wants: KEYS_WANTED,
  matches: (registry) => registry === "public.ecr.aws",
  async get(registry, context) {
    const region = "us-east-1";
    const api = {
      provider: "ECR Public",
      registry,
      host: `api.ecr-public.${region}.amazonaws.com`,
      region,
      service: "ecr-public",
      target: "SpencerFrontendService.GetAuthorizationToken",
    };
    return authorizationToken(api, context, ({ authorizationData }) => authorizationData);
  },
};

const PRIVATE =
  /^\d{12}\.dkr[.-]ecr(-fips)?\.([a-z0-9-]{1,32})\.(amazonaws\.com(?:\.cn)?|on\.aws)$/;

interface Api {
  readonly provider: string;
  readonly registry: string;
  readonly host: string;
  readonly region: string;
  readonly service: string;
  readonly target: string;
}

async function authorizationToken(
  api: Api,
  context: ProviderContext,
  entryOf: (answer: { readonly [key: string]: JsonValue }) => JsonValue | undefined,
): Promise<Provided | undefined> {
  const keys = keysOf(context.environment);
  if (keys === undefined) return undefined;
  const { provider, registry, region, service, target } = api;
  const url = new URL(`https://${api.host}/`);
  const body = "{}";
  const plain = { "content-type": "application/x-amz-json-1.1", "x-amz-target": target };
  const now = context.clock.now();
  const headers = signed({ method: "POST", url, headers: plain, body, region, service, now }, keys);
  const asked: Exchange = { provider, registry, url, headers, body };
  const entry = entryOf(await exchange(asked, context));
  if (!isObject(entry) || typeof entry.authorizationToken !== "string") throw noToken(asked);
  const [, username, password] =
    /^([^:]+):(.+)$/s.exec(Buffer.from(entry.authorizationToken, "base64").toString("utf8")) ?? [];
  if (username === undefined || password === undefined) throw noToken(asked);
  return {
    credential: { kind: "basic", username, password },
    expires: expiryOf(entry.expiresAt, now),
  };
}

/** Seconds since the epoch; twelve hours, if it is not said. */
function expiryOf(value: JsonValue | undefined, now: number): number {
  const longest = now + TWELVE_HOURS_MS;
  return typeof value === "number" ? Math.min(value * 1000, longest) : longest;
}

const TWELVE_HOURS_MS = 12 * 3600 * 1000;

function keysOf(environment: NodeJS.ProcessEnv): AwsKeys | undefined {
  const accessKeyId = environment.AWS_ACCESS_KEY_ID;
  const secretAccessKey = environment.AWS_SECRET_ACCESS_KEY;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: environment.AWS_SESSION_TOKEN || undefined };
}
