import type { TarFile } from "../tar/writer.ts";

/** What stands at a path after the layers so far. */
export interface Standing {
  readonly file: TarFile;
  /** The layer that put it there. */
  readonly layer: number;
}

/** A root filesystem as far as a maker of layers has to know it: which path holds what kind. */
export class LayerTree {
  readonly #standing: Map<string, Standing>;

  constructor(standing: Iterable<readonly [string, Standing]> = []) {
    this.#standing = new Map(standing);
  }

  copy(): LayerTree {
    return new LayerTree(this.#standing);
  }

  at(path: string): Standing | undefined {
    return this.#standing.get(path);
  }

  set(path: string, standing: Standing): void {
    this.#standing.set(path, standing);
  }

  /** Paths below a directory, `""` being the root, in the order they came. */
  below(path: string): string[] {
    const prefix = path === "" ? "" : `${path}/`;
    return [...this.#standing.keys()].filter((each) => each.startsWith(prefix) && each !== path);
  }

  paths(is: (standing: Standing, path: string) => boolean): string[] {
    return [...this.#standing].filter(([path, standing]) => is(standing, path)).map(([p]) => p);
  }

  remove(path: string): void {
    for (const each of this.below(path)) this.#standing.delete(each);
    this.#standing.delete(path);
  }

  /**
   * Where a path leads inside the root, all symlinks followed; what is missing there keeps its name.
   * Nothing when it goes round in a circle, or up again from what is missing.
   */
  resolve(path: string, patience = 20): string | undefined {
    let resolved = "";
    const names = path.split("/");
    for (const [index, name] of names.entries()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (resolved !== "" && this.at(resolved) === undefined) return undefined;
        resolved = parentOf(resolved);
        continue;
      }
      const next = joined(resolved, name);
      const file = this.at(next)?.file;
      if (file?.type === "symlink") {
        const { linkPath = "" } = file;
        const from = linkPath.startsWith("/") ? "" : resolved;
        const rest = names.slice(index + 1).join("/");
        if (patience === 0) return undefined;
        return this.resolve(`${from}/${linkPath}/${rest}`, patience - 1);
      }
      resolved = next;
    }
    return resolved;
  }
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

export function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** From the top down, without the root and without the path itself. */
export function ancestors(path: string): string[] {
  const names = path.split("/");
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join("/"));
}
