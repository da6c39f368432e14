/** A folder of folders, one a registry: `/etc/containerd/certs.d`. */
export interface CertsRoot {
  readonly path: string;
  readonly names: ReadonlySet<string>;
}

/** A registry's folder: where it is, and whether it is meant for that registry alone. */
export interface HostFolder {
  readonly root: string;
  readonly name: string;
  readonly exact: boolean;
}

/**
 * The folder that decides for a registry: the first root that has one for it by name; only when none has,
 * the first `_default`. containerd, nerdctl and Podman too stop at the first that is there.
 */
export function hostFolder(roots: readonly CertsRoot[], registry: string): HostFolder | undefined {
  const names = folderNames(registry);
  for (const { path, names: there } of roots) {
    const name = names.find((one) => there.has(one));
    if (name !== undefined) return { root: path, name, exact: true };
  }
  const fallback = roots.find(({ names: there }) => there.has(DEFAULT_FOLDER));
  return fallback && { root: fallback.path, name: DEFAULT_FOLDER, exact: false };
}

export const DEFAULT_FOLDER = "_default";

/**
 * What a registry's folder may be called, the likelier first: a colon can't be in a name everywhere, so
 * containerd looks for `host_port_` first; 443 need not be written out (nerdctl #3047).
 */
function folderNames(registry: string): readonly string[] {
  const spelled =
    registry === registry.toLowerCase() ? [registry] : [registry, registry.toLowerCase()];
  return spelled.flatMap((name) => {
    const [, host, port] = /^(.+):([0-9]+)$/.exec(name) ?? [];
    if (host === undefined || port === undefined) return [name];
    return [`${host}_${port}_`, name, ...(port === "443" ? [host] : [])];
  });
}
