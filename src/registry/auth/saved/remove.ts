import { credentialHelper } from "../credential-helper/credential-helper.ts";
import type { CredentialOrigin } from "../credentials.ts";
import { serversOf } from "../sources/choose.ts";
import { formatScope, type KeyScope, parseKey } from "../sources/match.ts";
import type { AuthFile } from "../sources/parse-file.ts";
import { writableFile } from "../sources/places.ts";
import { editAuthFile } from "./edit-file.ts";
import { withoutScope } from "./entries.ts";
import { readAuthFile } from "./read-file.ts";
import type { SavedOptions } from "./save.ts";

/**
 * Takes a login out of lading's own file, or the one that is named, and out of the helper that keeps its
 * secret; other tools' files are theirs. Says where it was: nowhere is an empty list.
 */
export async function removeCredential(
  scope: KeyScope,
  options: SavedOptions,
): Promise<readonly CredentialOrigin[]> {
  const { path, name } = writableFile(options);
  const file = await readAuthFile(path);
  if (file === undefined) return [];
  const origins: CredentialOrigin[] = [];
  for (const { helper: helperName, key } of helpersFor(file, scope)) {
    const helper = credentialHelper(helperName);
    const there = await helper.list(options);
    const servers = serversOf(scope.registry, key ?? formatScope(scope));
    const known = servers.filter((server) => there.has(server));
    for (const server of known) await helper.erase(server, options);
    if (known.length > 0 || key !== undefined) {
      origins.push({ kind: "helper", name: helper.program, path, key: key ?? known[0] });
    }
  }
  for (const key of keysFor(file.auths.keys(), scope)) {
    origins.push({ kind: "file", name, path, key });
  }
  await editAuthFile(path, (document) => withoutScope(document, scope), options);
  return origins;
}

interface NamedHelper {
  readonly helper: string;
  readonly key: string | undefined;
}

function helpersFor(file: AuthFile, scope: KeyScope): readonly NamedHelper[] {
  const keys = keysFor(file.credHelpers.keys(), scope);
  const named = keys.map((key) => ({ helper: file.credHelpers.get(key) ?? "", key }));
  const store = file.credsStore === undefined ? [] : [{ helper: file.credsStore, key: undefined }];
  return [...named, ...(scope.path === "" ? store : [])].filter(({ helper }) => helper !== "");
}

function keysFor(keys: Iterable<string>, scope: KeyScope): readonly string[] {
  return [...keys].filter((key) => formatScope(parseKey(key)) === formatScope(scope));
}
