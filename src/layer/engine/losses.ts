import type { LadingEvent } from "../../content/events.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { LayerSummary } from "../record.ts";

/**
 * What an image's layers could not keep, summed up: one thing to tell a person, not one a layer. The
 * same whether layers are unpacked or were before: one that stands twice in an image counts once.
 */
export class ImageLosses {
  readonly #counts = new Map<string, number>();
  readonly #counted = new Set<DiffId>();

  add({ diffId, lost }: LayerSummary): void {
    if (this.#counted.has(diffId)) return;
    this.#counted.add(diffId);
    for (const [kind, count] of Object.entries(lost)) {
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    }
  }

  /** `undefined` when all was kept. */
  get warning(): LadingEvent | undefined {
    if (this.#counts.size === 0) return undefined;
    const kinds = [...this.#counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    const list = kinds.map(([kind, count]) => `${count} × ${kind}`).join("; ");
    return { type: "warning", code: "unpack", message: `not kept as the image has it: ${list}` };
  }
}
