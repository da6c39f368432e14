import { join } from "node:path";
import { LadingError } from "../../errors.ts";
import { DEFAULT_FOLDER } from "../../registry/settings/folders/host-folders.ts";
import { readFolder, readRoots } from "../../registry/settings/folders/read-folders.ts";
import { type LoadOptions, placesOf } from "../../registry/settings/load.ts";
import { readMainFiles } from "../../registry/settings/main-files.ts";
import type { EndpointPatch } from "../../registry/settings/patch.ts";
import { ProblemList } from "../../registry/settings/problem.ts";

/** One settings file, or folder of certificates, with all that is wrong with it. */
export interface SettingsPart {
  readonly path: string;
  readonly kind: "lading.toml" | "hosts.toml" | "certificates";
  /** Of whom it says something by name; of a folder, the one whose it is. */
  readonly registries: readonly string[];
  readonly problems: ProblemList;
  /** What it says of how endpoints are spoken to. */
  readonly endpoints: readonly EndpointPatch[];
}

/** Everything in every place, not only what one registry needs. */
export async function readEverything(options: LoadOptions): Promise<readonly SettingsPart[]> {
  const places = placesOf(options);
  const parts: SettingsPart[] = [];
  let certsD = places.certsD;
  for (const file of places.files) {
    const part = await readMain(file);
    if (part === undefined) continue;
    parts.push(part.part);
    certsD = part.certsD ?? certsD;
  }
  return [...parts, ...(await readAllFolders(certsD))];
}

type File = Parameters<typeof readMainFiles>[0][number];

async function readMain(
  file: File,
): Promise<{ part: SettingsPart; certsD: readonly string[] | undefined } | undefined> {
  const kind = "lading.toml";
  try {
    const { defaults, registries, problems } = await readMainFiles([file]);
    const [list] = problems;
    if (list === undefined) return undefined;
    const endpoints = [
      defaults,
      ...[...registries.values()].flatMap((patch) => [patch, ...(patch.mirrors ?? [])]),
    ];
    const named = [...registries.keys()];
    const part = { path: file.path, kind, registries: named, problems: list, endpoints } as const;
    return { part, certsD: defaults.certsD };
  } catch (error) {
    const part = { path: file.path, kind, registries: [], endpoints: [] } as const;
    return { part: { ...part, problems: failed(file.path, error) }, certsD: undefined };
  }
}

async function readAllFolders(certsD: readonly string[]): Promise<SettingsPart[]> {
  const { roots, problems } = await readRoots(certsD);
  const kind = "certificates";
  const parts: SettingsPart[] = problems
    .filter(({ found }) => found.length > 0)
    .map((list) => ({ path: list.path, kind, registries: [], problems: list, endpoints: [] }));
  for (const { path: root, names } of roots) {
    for (const name of [...names].sort()) {
      const path = join(root, name);
      const registries = name === DEFAULT_FOLDER ? [] : [name.replace(/_([0-9]+)_$/, ":$1")];
      try {
        const { kind, patch, problems: list } = await readFolder(path);
        if (patch.origins.size === 0 && list.found.length === 0) continue;
        const endpoints = [patch, ...(patch.mirrors ?? [])];
        parts.push({ path: list.path, kind, registries, problems: list, endpoints });
      } catch (error) {
        parts.push({ path, kind, registries, problems: failed(path, error), endpoints: [] });
      }
    }
  }
  return parts;
}

function failed(path: string, error: unknown): ProblemList {
  if (!(error instanceof LadingError)) throw error;
  const problems = new ProblemList(error.context.path ?? path);
  problems.error([], error.message, error.hint);
  return problems;
}
