import { LadingError } from "../../../errors.ts";
import type { Credential, CredentialSource } from "../credentials.ts";
import { bestKey, formatScope, type KeyScope } from "./match.ts";
import { type AuthFile, parseAuthFile } from "./parse-file.ts";
import { parseScope } from "./scope.ts";

/**
 * `LADING_REGISTRY=host[/path]` with `LADING_USERNAME` and `LADING_PASSWORD`, or with `LADING_TOKEN`.
 * Without the host they are refused: they would go to whoever is named. An empty variable counts as not
 * set; messages name variables, never values.
 */
export function environmentCredentials(environment: NodeJS.ProcessEnv): CredentialSource {
  return {
    async get(request) {
      const given = readVariables(environment);
      if (given === undefined) return undefined;
      const key = formatScope(given.scope);
      if (bestKey([key], request) === undefined) return undefined;
      const from = { kind: "environment", name: "LADING_REGISTRY", key } as const;
      return { ...given.credential, from };
    },
  };
}

interface Given {
  readonly scope: KeyScope;
  readonly credential: Credential;
}

function readVariables(environment: NodeJS.ProcessEnv): Given | undefined {
  const { LADING_REGISTRY, LADING_USERNAME, LADING_PASSWORD, LADING_TOKEN } = environment;
  const set = Object.entries({ LADING_USERNAME, LADING_PASSWORD, LADING_TOKEN })
    .filter(([, value]) => value)
    .map(([name]) => name)
    .join(" and ");
  if (set === "") return undefined;
  if (!LADING_REGISTRY) {
    throw usage(`${set} without LADING_REGISTRY would go to whichever registry is named`);
  }
  const scope = parseScope(LADING_REGISTRY, "LADING_REGISTRY");
  if (LADING_TOKEN) {
    if (LADING_USERNAME || LADING_PASSWORD) throw usage(`${set} contradict each other`);
    if (!/^[\x21-\x7e]+$/.test(LADING_TOKEN)) {
      throw usage("LADING_TOKEN has characters that no token has");
    }
    return { scope, credential: { kind: "token", token: LADING_TOKEN } };
  }
  if (!LADING_USERNAME || !LADING_PASSWORD) {
    throw usage(`${set} is not enough: LADING_USERNAME and LADING_PASSWORD belong together`);
  }
  const credential = {
    kind: "basic",
    username: LADING_USERNAME,
    password: LADING_PASSWORD,
  } as const;
  return { scope, credential };
}

function usage(message: string): LadingError {
  return new LadingError("usage", message, {
    hint: "set LADING_REGISTRY=host[/path] with LADING_USERNAME and LADING_PASSWORD, or with LADING_TOKEN",
  });
}

/**
 * `DOCKER_AUTH_CONFIG`, the text of a docker config, as CI systems set it. Only its `auths` count, as for
 * docker; one that can't be read is an error and not, as for docker, nothing.
 */
export function dockerAuthConfig(environment: NodeJS.ProcessEnv): CredentialSource {
  const name = "DOCKER_AUTH_CONFIG";
  let file: AuthFile | undefined;
  return {
    async get(request) {
      const text = environment[name];
      if (!text) return undefined;
      file ??= parseAuthFile(Buffer.from(text), name);
      const key = bestKey(file.auths.keys(), request);
      const credential = key === undefined ? undefined : file.auths.get(key);
      return credential && { ...credential, from: { kind: "environment", name, key } };
    },
  };
}
