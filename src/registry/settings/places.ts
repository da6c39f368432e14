import { delimiter, isAbsolute, join, resolve } from "node:path";
import { LadingError } from "../../errors.ts";

export interface PlacesOptions {
  /** A file in place of the usual ones; `false`: nothing is read at all. */
  readonly config: string | false | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly home: string;
  /** 0 is root, whose tools read `/etc` alone. */
  readonly uid: number | undefined;
  /** `/etc`, but for tests. */
  readonly etc: string;
}

export interface SettingsPlaces {
  /** Those of lading.toml, the one that wins last. */
  readonly files: readonly { readonly path: string; readonly namedBy: string | undefined }[];
  /** Folders of hosts.toml and certificates, the first that knows a registry decides. */
  readonly certsD: readonly string[];
}

/** Where settings are looked for. Pure: whether anything is there is for others to find out. */
export function settingsPlaces(options: PlacesOptions): SettingsPlaces {
  const { config, environment } = options;
  if (config === false) return { files: [], certsD: [] };
  if (config === "") throw new LadingError("usage", "the name of the settings file is empty");
  return { files: files(options), certsD: certsD(options, environment.LADING_CERTS_D) };
}

function files({ config, environment, home, etc }: PlacesOptions): SettingsPlaces["files"] {
  const { LADING_CONFIG } = environment;
  if (config) return [{ path: resolve(config), namedBy: "--config" }];
  if (LADING_CONFIG) return [{ path: resolve(LADING_CONFIG), namedBy: "LADING_CONFIG" }];
  return [etc, configHome(environment, home)].map((folder) => ({
    path: join(folder, "lading", "lading.toml"),
    namedBy: undefined,
  }));
}

/** The tools' own folders: a user's before the system's, containerd's before docker's before Podman's. */
function certsD(
  { environment, home, uid, etc }: PlacesOptions,
  named: string | undefined,
): string[] {
  if (named) return named.split(delimiter).flatMap((path) => (path === "" ? [] : [resolve(path)]));
  const own = uid === 0 ? [] : [configHome(environment, home)];
  return [...own, etc].flatMap((folder) =>
    ["containerd", "docker", "containers"].map((tool) => join(folder, tool, "certs.d")),
  );
}

/** A relative `XDG_CONFIG_HOME` counts as none, as its specification wants. */
function configHome({ XDG_CONFIG_HOME }: NodeJS.ProcessEnv, home: string): string {
  return XDG_CONFIG_HOME && isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(home, ".config");
}
