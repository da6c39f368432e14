/** A plain reading of what a layer's entries come to, in memory: names are text, ids and times are left out. */
export type Entry =
  | { readonly type: "file"; readonly path: string; readonly content: string }
  | { readonly type: "directory"; readonly path: string }
  | { readonly type: "symlink" | "hardlink"; readonly path: string; readonly linkPath: string };

type Node =
  | { readonly kind: "file"; readonly content: string }
  | { readonly kind: "link"; readonly text: string }
  | { readonly kind: "directory"; readonly names: Map<string, Node> };

interface Directory {
  readonly kind: "directory";
  readonly names: Map<string, Node>;
}

export class Impossible extends Error {}

export class Model {
  readonly #root: Directory = { kind: "directory", names: new Map() };

  apply(entry: Entry): void {
    const { parent, name } = this.#place(entry.path, "make");
    const there = parent.names.get(name);
    switch (entry.type) {
      case "file":
        parent.names.set(name, { kind: "file", content: entry.content });
        return;
      case "symlink":
        parent.names.set(name, { kind: "link", text: entry.linkPath });
        return;
      case "directory":
        if (there?.kind !== "directory") parent.names.set(name, newDirectory());
        return;
      case "hardlink":
        this.#link(parent, name, entry.linkPath);
    }
  }

  #link(parent: Directory, name: string, target: string): void {
    const place = this.#placeOrNothing(target);
    if (place?.parent === parent && place.name === name) return;
    const reachable = place && this.#paths().get(place.parent);
    parent.names.delete(name);
    const [gone] = reachable === undefined ? [true] : [!this.#paths().has(place?.parent)];
    const found = gone ? undefined : place?.parent.names.get(place.name);
    if (found?.kind === "directory") throw new Impossible("a hard link to a directory");
    // Else only a lower layer can have it.
    if (found !== undefined) parent.names.set(name, found);
  }

  get listing(): Record<string, string> {
    const listed: Record<string, string> = {};
    const visit = (node: Node, path: string): void => {
      if (node.kind === "file") listed[path] = `file 644 ${node.content}`;
      else if (node.kind === "link") listed[path] = `link to ${node.text}`;
      else {
        listed[path] = "directory 755";
        for (const [name, child] of node.names)
          visit(child, path === "" ? name : `${path}/${name}`);
      }
    };
    visit(this.#root, "");
    return listed;
  }

  /** Every directory that is still there, and those that it is in. */
  #paths(): Map<Directory | undefined, readonly Directory[]> {
    const found = new Map<Directory | undefined, readonly Directory[]>();
    const visit = (directory: Directory, above: readonly Directory[]): void => {
      found.set(directory, above);
      for (const child of directory.names.values()) {
        if (child.kind === "directory") visit(child, [...above, directory]);
      }
    };
    visit(this.#root, []);
    return found;
  }

  #placeOrNothing(path: string): { readonly parent: Directory; readonly name: string } | undefined {
    try {
      return this.#place(path, "look");
    } catch (error) {
      if (error instanceof Impossible) return undefined;
      throw error;
    }
  }

  /** The last name is never followed; links before it lead inside the root, wherever they point. */
  #place(
    path: string,
    how: "make" | "look",
  ): { readonly parent: Directory; readonly name: string } {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    const name = names.pop() ?? "";
    const trail: Directory[] = [this.#root];
    const ahead = names.reverse();
    let links = 0;
    for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
      const here = trail.at(-1) ?? this.#root;
      if (next === "" || next === ".") continue;
      if (next === "..") {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const found = here.names.get(next);
      if (found?.kind === "directory") trail.push(found);
      else if (found?.kind === "link") {
        links += 1;
        if (links > 40) throw new Impossible("too many links");
        if (found.text.startsWith("/")) trail.splice(1);
        ahead.push(...found.text.split("/").reverse());
      } else if (found !== undefined || how === "look") throw new Impossible("no directory");
      else {
        const made = newDirectory();
        here.names.set(next, made);
        trail.push(made);
      }
    }
    return { parent: trail.at(-1) ?? this.#root, name };
  }
}

function newDirectory(): Directory {
  return { kind: "directory", names: new Map() };
}
