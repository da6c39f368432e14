import { joined, nameOf, parentOf } from "../../disk/tree/paths.ts";
import type { ByteString } from "../../tar/byte-string.ts";
import type { LayerLink, LayerMarks } from "../marks.ts";
import type { Budget } from "./budget.ts";

interface Notes {
  opaque: boolean;
  readonly whiteouts: Set<ByteString>;
  /** Targets by name. */
  readonly links: Map<ByteString, ByteString>;
}

/** What a layer says about the layers below it, by directory: it goes when the directory does. */
export class LayerNotes {
  readonly #budget: Budget;
  readonly #directories = new Map<ByteString, Notes>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  opaque(directory: ByteString): void {
    const notes = this.#of(directory);
    if (!notes.opaque) this.#budget.remember(directory);
    notes.opaque = true;
  }

  whiteout(directory: ByteString, name: ByteString): void {
    const { whiteouts } = this.#of(directory);
    if (!whiteouts.has(name)) this.#budget.remember(joined(directory, name));
    whiteouts.add(name);
  }

  link(path: ByteString, target: ByteString): void {
    this.#budget.remember(path);
    this.#budget.remember(target);
    this.#of(parentOf(path)).links.set(nameOf(path), target);
  }

  target(path: ByteString): ByteString | undefined {
    return this.#directories.get(parentOf(path))?.links.get(nameOf(path));
  }

  /** The layer has something else of that name. */
  unlink(directory: ByteString, name: ByteString): void {
    this.#directories.get(directory)?.links.delete(name);
  }

  forget(directory: ByteString): void {
    this.#directories.delete(directory);
  }

  get all(): Pick<LayerMarks, "whiteouts" | "opaques" | "links"> {
    const all = [...this.#directories];
    return {
      opaques: all.filter(([, { opaque }]) => opaque).map(([directory]) => directory),
      whiteouts: all.flatMap(([directory, { whiteouts }]) =>
        [...whiteouts].map((name) => joined(directory, name)),
      ),
      links: all.flatMap(([directory, { links }]) =>
        [...links].map(([name, target]): LayerLink => ({ path: joined(directory, name), target })),
      ),
    };
  }

  #of(directory: ByteString): Notes {
    const known = this.#directories.get(directory);
    if (known !== undefined) return known;
    const notes = { opaque: false, whiteouts: new Set<ByteString>(), links: new Map() };
    this.#directories.set(directory, notes);
    return notes;
  }
}
