import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** A credential file, and what it is called before people. */
export interface CredentialFile {
  readonly path: string;
  readonly name: string;
  /** It was named for this one call: that it is not there is an error. */
  readonly mustExist?: boolean;
}

export interface PlaceOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** A file that is asked before the others. */
  readonly authFile?: string | undefined;
  readonly uid?: number | undefined;
}

/** The files in which credentials are looked for, in this order; an empty variable counts as not set. */
export function credentialFiles(options: PlaceOptions): readonly CredentialFile[] {
  return [ownFile(options), dockerFile(options), ...podmanFiles(options)];
}

/** The file that `--authfile` names. */
export function namedFile({ authFile }: PlaceOptions): CredentialFile | undefined {
  if (authFile === undefined) return undefined;
  return { path: authFile, name: "the credential file", mustExist: true };
}

/** The file that logging in writes. */
export function writableFile(options: PlaceOptions): CredentialFile {
  return namedFile(options) ?? ownFile(options);
}

/** `$LADING_AUTH_FILE`, else `$XDG_CONFIG_HOME/lading/auth.json`. */
export function ownFile({ environment }: PlaceOptions): CredentialFile {
  const path = environment.LADING_AUTH_FILE || join(configHome(environment), "lading/auth.json");
  return { path, name: "lading's auth.json" };
}

/** `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
export function dockerFile({ environment }: PlaceOptions): CredentialFile {
  const folder = environment.DOCKER_CONFIG || join(home(environment), ".docker");
  return { path: join(folder, "config.json"), name: "docker's config.json" };
}

/** `$REGISTRY_AUTH_FILE` and then no other, else that of the session, then the lasting one. */
function podmanFiles({ environment, uid }: PlaceOptions): readonly CredentialFile[] {
  const name = "Podman's auth.json";
  const chosen = environment.REGISTRY_AUTH_FILE;
  if (chosen) return [{ path: chosen, name }];
  const runtime = absolute(environment.XDG_RUNTIME_DIR);
  const session =
    runtime !== undefined
      ? join(runtime, "containers/auth.json")
      : uid === undefined
        ? undefined
        : `/run/containers/${uid}/auth.json`;
  const lasting = join(configHome(environment), "containers/auth.json");
  return [session, lasting].flatMap((path) => (path === undefined ? [] : [{ path, name }]));
}

/** `$XDG_CONFIG_HOME`, else `~/.config`; a relative one does not count (XDG base directories). */
export function configHome(environment: NodeJS.ProcessEnv): string {
  return absolute(environment.XDG_CONFIG_HOME) ?? join(home(environment), ".config");
}

function home(environment: NodeJS.ProcessEnv): string {
  return environment.HOME || homedir();
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}
