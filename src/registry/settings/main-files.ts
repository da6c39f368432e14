import { readDocument } from "../../disk/document.ts";
import { LadingError } from "../../errors.ts";
import { type DefaultsPatch, mergeDefaults, mergeRegistry, type RegistryPatch } from "./patch.ts";
import type { SettingsPlaces } from "./places.ts";
import type { ProblemList } from "./problem.ts";
import { MAX_SETTINGS_BYTES } from "./toml/limits.ts";

/** All lading.toml together. */
export interface MainSettings {
  readonly defaults: DefaultsPatch;
  /** By lower-case name. */
  readonly registries: ReadonlyMap<string, RegistryPatch>;
  /** One for each file that is there. */
  readonly problems: readonly ProblemList[];
}

/** Reads every lading.toml that is there; the later one wins key by key. */
export async function readMainFiles(files: SettingsPlaces["files"]): Promise<MainSettings> {
  const read = await Promise.all(files.map((file) => readMainFile(file)));
  let main: MainSettings = {
    defaults: { origins: new Map() },
    registries: new Map(),
    problems: [],
  };
  for (const { path, bytes } of read) {
    if (bytes === undefined || bytes.length === 0) continue;
    const { parseLadingToml } = await import("./toml/index.ts");
    const { defaults, registries, problems } = parseLadingToml(bytes, path);
    const merged = new Map(main.registries);
    for (const [registry, patch] of registries) {
      const lower = merged.get(registry);
      merged.set(registry, lower === undefined ? patch : mergeRegistry(registry, lower, patch));
    }
    main = {
      defaults: mergeDefaults(main.defaults, defaults),
      registries: merged,
      problems: [...main.problems, problems],
    };
  }
  return main;
}

async function readMainFile({ path, namedBy }: SettingsPlaces["files"][number]) {
  const bytes = await readDocument(path, MAX_SETTINGS_BYTES);
  if (bytes === undefined && namedBy !== undefined) {
    throw new LadingError("usage", `${namedBy} names a settings file that is not there`, {
      path,
      hint: "correct the path; without it the usual places are looked into",
    });
  }
  return { path, bytes };
}
