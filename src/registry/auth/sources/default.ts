import { type Clock, systemClock } from "../../../clock.ts";
import type { Send } from "../../http/message.ts";
import {
  type Credential,
  type CredentialRequest,
  type CredentialSource,
  type FoundCredential,
  firstOf,
} from "../credentials.ts";
import { providerCredentials, providerOf } from "../provider/provider.ts";
import { dockerAuthConfig, environmentCredentials } from "./environment.ts";
import { FileSource } from "./file.ts";
import { type CredentialFile, credentialFiles, namedFile } from "./places.ts";
import { settingsHelper } from "./settings-helper.ts";

export interface SourceOptions {
  /** Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** A credential file that is asked before the usual places. */
  readonly authFile?: string | undefined;
  readonly clock?: Clock | undefined;
  /** Which helper the settings name for a registry. */
  readonly helperOf?: ((registry: string) => Promise<string | undefined>) | undefined;
  /** Reaches clouds that give tokens for their registries; without it they are not asked. */
  readonly send?: Send | undefined;
}

export interface DefaultCredentials extends CredentialSource {
  refused(request: CredentialRequest, credential: Credential): void;
  /** As `get`, and says where it looked: the last one is where something was found, if it was. */
  explain(
    request: CredentialRequest,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<Explained>;
  /** What was read or answered before does not count any more: somebody logged in or out. */
  clear(): void;
}

export interface Explained {
  readonly found: FoundCredential | undefined;
  readonly asked: readonly string[];
}

/**
 * Where credentials are looked for unless `open` is given some, in the order of `docs/credentials.md`:
 * the first that knows something decides, and one that fails stops the request.
 */
export function defaultCredentials(options: SourceOptions = {}): DefaultCredentials {
  const places = placesOf(options);
  const all = firstOf(places.map(({ source }) => source));
  return {
    get: (request, options) => all.get(request, options),
    refused: (request, credential) => all.refused?.(request, credential),
    async explain(request, options) {
      const asked: string[] = [];
      for (const { nameFor, source } of places) {
        const name = await nameFor(request.registry);
        if (name === undefined) continue;
        asked.push(name);
        const found = await source.get(request, options);
        if (found !== undefined) return { found, asked };
      }
      return { found: undefined, asked };
    },
    clear() {
      for (const { source } of places) if ("clear" in source) source.clear();
    },
  };
}

/** One source alone, as the caller gave it. */
export function givenCredentials(source: CredentialSource): DefaultCredentials {
  return {
    get: (request, options) => source.get(request, options),
    refused: (request, credential) => source.refused?.(request, credential),
    explain: async (request, options) => ({
      found: await source.get(request, options),
      asked: ["credentials"],
    }),
    clear() {},
  };
}

interface Place {
  /** For people: a variable, or a path; `undefined` where it has nothing to do with that registry. */
  nameFor(registry: string): Promise<string | undefined> | string | undefined;
  readonly source: CredentialSource | (CredentialSource & { clear(): void });
}

function placesOf(options: SourceOptions): readonly Place[] {
  const { environment = process.env, clock = systemClock, authFile, helperOf, send } = options;
  const files = { environment, authFile, uid: process.getuid?.() };
  const place = (file: CredentialFile): Place => ({
    nameFor: () => file.path,
    source: new FileSource(file, { environment, clock }),
  });
  const named = namedFile(files);
  return [
    ...(named === undefined ? [] : [place(named)]),
    { nameFor: () => "LADING_REGISTRY", source: environmentCredentials(environment) },
    { nameFor: () => "DOCKER_AUTH_CONFIG", source: dockerAuthConfig(environment) },
    ...(helperOf === undefined
      ? []
      : [
          {
            nameFor: async (registry: string) => {
              const name = await helperOf(registry);
              return name && `docker-credential-${name}`;
            },
            source: settingsHelper(helperOf, environment, clock),
          },
        ]),
    ...credentialFiles(files).map(place),
    ...(send === undefined
      ? []
      : [
          {
            nameFor: (registry: string) => providerOf(registry)?.name,
            source: providerCredentials({ environment, send, clock }),
          },
        ]),
  ];
}
