import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { diskError, errno } from "../../../disk/disk-error.ts";
import { readDocument } from "../../../disk/document.ts";
import type { RegistryPatch } from "../patch.ts";
import { ProblemList } from "../problem.ts";
import { MAX_SETTINGS_BYTES } from "../toml/limits.ts";
import type { CertsRoot } from "./host-folders.ts";

/** What a registry's folder says. */
export interface FolderSettings {
  readonly kind: "hosts.toml" | "certificates";
  readonly patch: RegistryPatch;
  readonly problems: ProblemList;
}

/** The roots that are there, with the registries that each knows. */
export async function readRoots(
  paths: readonly string[],
): Promise<{ readonly roots: readonly CertsRoot[]; readonly problems: readonly ProblemList[] }> {
  const problems = paths.map((path) => new ProblemList(path));
  const names = await Promise.all(
    paths.map((path, at) => listed(path, problems[at] ?? new ProblemList(path))),
  );
  const roots = paths.flatMap((path, at) => {
    const there = names[at] ?? [];
    return there.length === 0 ? [] : [{ path, names: new Set(there) }];
  });
  return { roots, problems };
}

/** A registry's folder: its hosts.toml; without one, its certificates in docker's layout. */
export async function readFolder(folder: string): Promise<FolderSettings> {
  const problems = new ProblemList(folder);
  const names = await listed(folder, problems);
  if (names.includes(HOSTS_TOML)) {
    const path = join(folder, HOSTS_TOML);
    const bytes = await readAllowed(path, problems);
    if (bytes !== undefined && bytes.length > 0) {
      const { parseHostsToml } = await import("../toml/index.ts");
      return { kind: "hosts.toml", ...parseHostsToml(bytes, path) };
    }
  }
  if (problems.found.length > 0 || !names.some((name) => /\.(?:crt|cert|key)$/.test(name))) {
    return { kind: "certificates", patch: { origins: new Map() }, problems };
  }
  const { readCertFolder } = await import("./cert-folder.ts");
  return { kind: "certificates", ...(await readCertFolder(folder, names)) };
}

const HOSTS_TOML = "hosts.toml";

/** What is in a folder. One that is not ours to read is common, and as good as none: Podman says so too. */
async function listed(folder: string, problems: ProblemList): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = errno(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    if (code !== "EACCES") throw diskError(error, "reading a folder of settings", folder);
    problems.warning([], NOT_OURS);
    return [];
  }
}

async function readAllowed(path: string, problems: ProblemList): Promise<Uint8Array | undefined> {
  try {
    return await readDocument(path, MAX_SETTINGS_BYTES);
  } catch (error) {
    if (!(error instanceof Error) || errno(error.cause) !== "EACCES") throw error;
    problems.warning([], `${HOSTS_TOML}: ${NOT_OURS}`);
    return undefined;
  }
}

const NOT_OURS = "permission denied, so it has no effect";
