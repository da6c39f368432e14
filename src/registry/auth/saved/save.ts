import type { Clock } from "../../../clock.ts";
import { credentialHelper } from "../credential-helper/credential-helper.ts";
import type { Credential, CredentialOrigin } from "../credentials.ts";
import { bestKey, formatScope, type KeyScope, serverKey } from "../sources/match.ts";
import type { AuthFile } from "../sources/parse-file.ts";
import { dockerFile, writableFile } from "../sources/places.ts";
import { editAuthFile } from "./edit-file.ts";
import { withEntry, withHelper } from "./entries.ts";
import { readAuthFile } from "./read-file.ts";

export interface SavedOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** The file to write, in place of lading's own. */
  readonly authFile?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a login is going to be kept. */
export interface SaveTarget {
  readonly scope: KeyScope;
  readonly file: string;
  /** Its name; `undefined`: the file holds the secret itself, in plain text. */
  readonly helper: string | undefined;
  readonly key: string;
}

/**
 * Where a login is kept: by the helper that the settings name, else by the one that lading's file or
 * docker's names for that registry, else in the file.
 */
export async function saveTarget(
  scope: KeyScope,
  options: SavedOptions & {
    /** In the file, whatever helper is configured. */
    readonly plaintext?: boolean | undefined;
    /** That the settings name. */
    readonly helper?: string | undefined;
  },
): Promise<SaveTarget> {
  const { environment, plaintext, helper } = options;
  const file = writableFile(options).path;
  const key = formatScope({ ...scope, registry: keyOf(scope) });
  const found = plaintext ? undefined : (helper ?? (await configured(scope, file, environment)));
  return { scope, file, key, helper: found };
}

/** Keeps it, and says where. */
export async function saveCredential(
  target: SaveTarget,
  credential: Credential,
  options: SavedOptions,
): Promise<CredentialOrigin> {
  const { scope, file: path, key, helper: name } = target;
  if (name === undefined) {
    await editAuthFile(path, (document) => withEntry(document, scope, key, credential), options);
    return { kind: "file", name: writableFile(options).name, path, key };
  }
  const helper = credentialHelper(name);
  await helper.store(key, credential, options);
  await editAuthFile(path, (document) => withHelper(document, scope, key, name), options);
  return { kind: "helper", name: helper.program, path, key };
}

/** docker and Podman both know docker.io by its URL; only without a path. */
function keyOf({ registry, path }: KeyScope): string {
  return path === "" ? serverKey(registry) : registry;
}

async function configured(
  scope: KeyScope,
  own: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  for (const path of [own, dockerFile({ environment }).path]) {
    const file = await readAuthFile(path);
    const helper = file && helperIn(file, scope);
    if (helper !== undefined) return helper === "" ? undefined : helper;
  }
  return undefined;
}

/** "" where a file says that there shall be none. */
function helperIn({ credHelpers, credsStore }: AuthFile, scope: KeyScope): string | undefined {
  const key = bestKey(credHelpers.keys(), { registry: scope.registry, repository: scope.path });
  return key === undefined ? credsStore : credHelpers.get(key);
}
