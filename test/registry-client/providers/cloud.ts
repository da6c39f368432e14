import type { LookupAddress } from "node:dns";
import { connect, type Socket } from "node:net";
import { systemClock } from "../../../src/clock.ts";
import type { FoundCredential } from "../../../src/registry/auth/credentials.ts";
import { createRegistryClient, type RegistryClient } from "../../../src/registry/client.ts";
import { createAuthority } from "../../registry/certificates.ts";
import { type Answer, ScriptedRegistry, status } from "../../registry/scripted-registry.ts";
import { temporaryFolder } from "../../temporary.ts";

/** Is in no request, error or event that it does not belong in. */
export const SECRET = "hunter2-very-secret";

export interface Cloud extends AsyncDisposable {
  readonly server: ScriptedRegistry;
  /** `POST host/path` with the body, of each request. */
  readonly asked: { readonly to: string; readonly body: string }[];
  readonly client: RegistryClient;
  /** Whose name was looked up. */
  readonly names: string[];
  credential(registry: string, options?: { origin?: string }): Promise<FoundCredential | undefined>;
}

/** One server with TLS that stands for every host of every cloud. */
export async function cloud(
  environment: NodeJS.ProcessEnv,
  answers: Readonly<Record<string, Answer>> = {},
  now: () => number = Date.now,
): Promise<Cloud> {
  const names = [
    "api.ecr.eu-west-1.amazonaws.com",
    "ecr-fips.us-east-1.amazonaws.com",
    "ecr.eu-west-1.api.aws",
    "api.ecr-public.us-east-1.amazonaws.com",
    "login.microsoftonline.com",
    "login.example",
    "company.azurecr.io",
  ];
  const authority = createAuthority();
  const server = await ScriptedRegistry.start({ tls: authority.issue({ names }) });
  const asked: { to: string; body: string }[] = [];
  server.on(
    /./,
    async (exchange) => {
      const { method, url, headers } = exchange.request;
      const chunks: Buffer[] = [];
      for await (const chunk of exchange.request) chunks.push(chunk);
      const to = `${method} ${headers.host}${url}`;
      asked.push({ to, body: Buffer.concat(chunks).toString() });
      await (answers[to] ?? status(404))(exchange);
    },
    99,
  );
  const looked: string[] = [];
  const client = createRegistryClient({
    environment: { HOME: await temporaryFolder(), ...environment },
    clock: { ...systemClock, now },
    retry: { retries: 0, baseMs: 1, capMs: 1, random: () => 0 },
    transport: {
      ca: authority.cert,
      async lookup(hostname): Promise<LookupAddress[]> {
        looked.push(hostname);
        return [{ address: "93.184.216.34", family: 4 }];
      },
      connect: (): Socket => connect(server.port, "127.0.0.1"),
    },
  });
  return {
    server,
    asked,
    client,
    names: looked,
    credential: (registry, { origin = `https://${registry}` } = {}) =>
      client.credentials.get({ origin, registry, repository: "app", action: "pull" }, {}),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

export const json = (value: unknown): Answer =>
  status(200, { "content-type": "application/x-amz-json-1.1" }, JSON.stringify(value));
export const base64 = (text: string): string => Buffer.from(text).toString("base64");
