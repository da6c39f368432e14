import { LadingError } from "../../../errors.ts";
import { credentialHelper } from "../credential-helper/credential-helper.ts";
import type { CredentialOrigin } from "../credentials.ts";
import type { AuthFile } from "../sources/parse-file.ts";
import { credentialFiles, namedFile, writableFile } from "../sources/places.ts";
import { readAuthFile } from "./read-file.ts";
import type { SavedOptions } from "./save.ts";

/** A login, without its secret. */
export interface SavedLogin {
  /** As the file or the helper has it: `ghcr.io/org`, `https://index.docker.io/v1/`. */
  readonly key: string;
  /** `undefined` with a token, or where the helper does not say. */
  readonly username: string | undefined;
  readonly from: CredentialOrigin;
  /** Of another tool's file: `lading logout` leaves it. */
  readonly readOnly: boolean;
  /** Why the helper does not say. */
  readonly problem?: string | undefined;
}

export interface ListOptions extends SavedOptions {
  /** Default true. */
  readonly helpers?: boolean | undefined;
}

/** Every login in the files that lading looks into, in the order in which it does. */
export async function listCredentials(options: ListOptions): Promise<readonly SavedLogin[]> {
  const places = { ...options, uid: process.getuid?.() };
  const named = namedFile(places);
  const writable = writableFile(options).path;
  const found: SavedLogin[] = [];
  for (const { path, name } of named ? [named] : credentialFiles(places)) {
    const file = await readAuthFile(path);
    if (file === undefined) continue;
    const readOnly = path !== writable;
    for (const [key, credential] of file.auths) {
      const username = credential.kind === "basic" ? credential.username : undefined;
      found.push({ key, username, from: { kind: "file", name, path, key }, readOnly });
    }
    if (options.helpers === false) continue;
    for (const login of await helperLogins(file, path, options)) found.push({ ...login, readOnly });
  }
  return found;
}

async function helperLogins(
  file: AuthFile,
  path: string,
  options: SavedOptions,
): Promise<readonly Omit<SavedLogin, "readOnly">[]> {
  const found: Omit<SavedLogin, "readOnly">[] = [];
  for (const [key, name] of file.credHelpers) {
    if (name === "") continue;
    const { names, program, problem } = await namesOf(name, options);
    const from = { kind: "helper", name: program, path, key } as const;
    found.push({ key, username: names.get(key), from, problem });
  }
  if (file.credsStore === undefined) return found;
  const { names, program, problem } = await namesOf(file.credsStore, options);
  for (const [key, username] of names) {
    if (file.credHelpers.has(key)) continue;
    found.push({ key, username, from: { kind: "helper", name: program, path, key } });
  }
  if (problem !== undefined) {
    found.push({
      key: "*",
      username: undefined,
      from: { kind: "helper", name: program, path },
      problem,
    });
  }
  return found;
}

/** A helper that fails hides no other's logins from a list. */
async function namesOf(
  name: string,
  options: SavedOptions,
): Promise<{ names: ReadonlyMap<string, string>; program: string; problem: string | undefined }> {
  let program = "a credential helper";
  try {
    const helper = credentialHelper(name);
    program = helper.program;
    return { names: await helper.list(options), program, problem: undefined };
  } catch (error) {
    if (!(error instanceof LadingError) || error.code === "aborted") throw error;
    return { names: new Map(), program, problem: error.message };
  }
}
